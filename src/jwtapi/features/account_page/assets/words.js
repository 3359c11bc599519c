/** All words of the page. A translation is a copy of this module. */

import { ApiError } from "../client.js";

export const language = "en";

const duration = (unit, count) =>
  new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(count);
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const date = new Intl.DateTimeFormat(language, { dateStyle: "long" });
const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const STEPS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

export const onDate = (when) => date.format(new Date(when));
export const atTime = (when) => time.format(new Date(when));

/** "5 minutes ago" */
export function ago(when) {
  const seconds = (Date.now() - new Date(when)) / 1000;
  const [unit, length] = STEPS.find(([, length]) => seconds >= length) ?? [];
  return unit ? relative.format(-Math.floor(seconds / length), unit) : "just now";
}

/** "in 5 minutes" */
function soon(seconds) {
  const [unit, length] = STEPS.find(([, length]) => seconds >= length) ?? ["second", 1];
  return relative.format(Math.ceil(seconds / length), unit);
}

/** "30 days" */
function lasting(seconds) {
  const [unit, length] = STEPS.find(([, length]) => seconds >= length) ?? ["second", 1];
  return duration(unit, Math.round(seconds / length));
}

export const words = {
  title: (heading, site) => `${heading} · ${site}`,
  menu: { "": "Account", security: "Security", sessions: "Sessions", password: "Password" },
  signOut: "Sign out",
  loading: "Loading …",
  close: "Close this message",
  cancel: "Cancel",
  again: "Try again",
  unreachable: "The account could not be loaded",

  fields: {
    username: "User name",
    login: "User name or e-mail address",
    email: "E-mail address",
    emailOptional: "E-mail address (optional)",
    emailHint: "It lets you set a new password if you forget yours.",
    password: "Password",
    currentPassword: "Present password",
    newPassword: "New password",
    passwordHint: (length) => `At least ${length} characters. Several words that do not belong together are good.`,
    missing: "Please fill this in.",
    notAnAddress: "This is not an e-mail address.",
    show: "Show",
    hide: "Hide",
    oneTimeCode: "Code",
    notSixDigits: "The code has six digits.",
    recoveryCode: "Recovery code",
    remember: (seconds) => `Remember this device for ${lasting(seconds)}`,
    rememberHint: "Not on a device that others use.",
    passkeyName: "Name",
  },

  signIn: {
    heading: "Sign in",
    lead: "to your account",
    action: "Sign in",
    busy: "Signing in …",
    passkey: "Sign in with a passkey",
    forgot: "Forgot your password?",
    register: "Create an account",
    needed: "Please sign in first.",
  },
  secondFactor: {
    heading: "One more step",
    leads: {
      totp: "Enter the code that your authenticator app shows.",
      passkey: "Confirm with your passkey that it is you.",
      recovery_code: "Enter one of your recovery codes. Each works once.",
    },
    actions: { totp: "Continue", passkey: "Use a passkey", recovery_code: "Continue" },
    instead: { totp: "Use the authenticator app", passkey: "Use a passkey", recovery_code: "Use a recovery code" },
    noPasskeys: "Your passkeys do not work in this browser, or at this address.",
    busy: "Checking …",
    back: "Start again",
  },
  enrolment: {
    heading: "Set up a second step",
    lead: "This server requires more than a password. From now on, an authenticator app shows you a code for each sign-in.",
    done: "Your authenticator app is set up, and you are signed in.",
  },
  authenticator: {
    scan: "Scan this picture with your authenticator app.",
    qr: "QR code for an authenticator app. It contains the secret that the next step shows as text.",
    here: "Open the app on this device",
    type: "If you cannot scan it, type or copy this secret into the app.",
    copy: "Copy the secret",
    confirm: "Enter the code that the app shows now.",
    action: "Turn it on",
    busy: "Checking …",
  },
  recoveryCodes: {
    heading: "Your recovery codes",
    lead: "Each of them replaces your second factor once, for example if you lose your phone.",
    title: (owner, site, day) => `Recovery codes of ${owner} at ${site}, ${day}`,
    file: "recovery-codes.txt",
    copy: "Copy",
    download: "Download",
    print: "Print",
    once: "Keep them in a safe place now. They are never shown again.",
    kept: "I have kept them",
  },
  copy: { done: "Copied", failed: "This browser did not allow it." },
  register: {
    heading: "Create an account",
    action: "Create account",
    busy: "Creating the account …",
    done: (username) => `Welcome, ${username}.`,
    doneWithMail: (username) => `Welcome, ${username}. Please open the link in the mail that we have sent to you.`,
    signInNext: "Your account has been created. Sign in now.",
    invited: "You have been invited.",
    onlyInvited: "You need an invitation to create an account. Open the link in the mail that invited you.",
    closed: "This server accepts no new accounts.",
    have: "I have an account",
  },
  forgot: {
    heading: "Forgot your password?",
    lead: "We send a link to your verified e-mail address. With it you can choose a new password.",
    off: "This server sends no mail. Its operator can give you a link to choose a new password.",
    action: "Send the link",
    busy: "Sending …",
    sent: "Look into your mailbox",
    sentText:
      "If there is an account of this name with a verified address, a mail is on its way. The link in it is valid for 30 minutes.",
    back: "Back to sign in",
  },
  reset: {
    heading: "Choose a new password",
    lead: (account) => (account ? `for the account ${account}` : "for your account"),
    note: "All devices will be signed out. Your passkeys and your second factors stay as they are.",
    action: "Change password",
    busy: "Changing …",
    done: "Your password has been changed. Sign in with the new one. Your passkeys and your second factors are as before: if you do not know one of them, remove it under Security.",
    another: "Send me another link",
  },
  verify: {
    heading: "Confirm your e-mail address",
    lead: (account) => (account ? `for the account ${account}` : "for your account"),
    note: "If you did not ask for this, close this page. Nothing happens until you confirm.",
    action: "Confirm the address",
    busy: "Confirming …",
    done: "Your e-mail address is confirmed.",
  },
  undo: {
    heading: "Undo the change of your e-mail address",
    lead: (account) => (account ? `of the account ${account}` : "of your account"),
    note: "Your former address comes back, all devices are signed out, and the password no longer works. Then choose a new password.",
    action: "Undo the change",
    busy: "Undoing …",
    done: "Your former address is back. Choose a new password now.",
  },
  link: {
    missing: "This page needs the link from a mail. Open it again from there: for your safety, it works only once.",
    another: "Ask for a new link",
  },

  account: {
    heading: "Account",
    since: (when) => `Member since ${when}`,
    lastLogin: (when) => `last sign-in ${when}`,
    details: "Your details",
    name: "User name",
    changeName: "Change name",
    nameAction: "Save name",
    nameDone: (name) => `Your user name is now ${name}.`,
    email: "E-mail address",
    noEmail: "None. Without one, nobody can help you if you forget your password.",
    verified: "verified",
    unverified: "not verified",
    pending: (email) => `We have sent a mail to ${email}. Your address changes when you open the link in it.`,
    verifyFirst: "Open the link in the mail that we have sent to you.",
    addEmail: "Add an address",
    changeEmail: "Change address",
    emailAction: "Send the mail",
    sendAgain: "Send the mail again",
    emailDone: (email) => `We have sent a mail to ${email}. Open the link in it.`,
    roles: "Roles",
    busy: "Saving …",
    data: "Your data",
    dataText: "A file with all that this server keeps about you.",
    download: "Download my data",
    downloading: "Preparing the file …",
    downloaded: "The file has been downloaded.",
    file: "my-account.json",
    remove: "Delete this account",
    removeText: "The account, its sessions and its data are deleted immediately. Nobody can bring them back.",
    removeMore: "Go on to delete it",
    removeAction: "Delete my account",
    removing: "Deleting …",
    removed: "Your account has been deleted.",
  },
  sessions: {
    heading: "Sessions",
    list: "Where you are signed in",
    current: "This device",
    unknown: "Unknown device",
    used: (when) => `Last used ${when}`,
    created: (when) => `Signed in ${when}`,
    from: (address) => `from ${address}`,
    by: (methods) => `by ${methods}`,
    methods: { pwd: "password", otp: "one-time code", hwk: "passkey", swk: "passkey" },
    end: "Sign out",
    ended: (device) => `${device} has been signed out.`,
    others: "Sign out all other devices",
    othersDone: "All other devices have been signed out.",
    everywhere: "Sign out everywhere",
    everywhereText: "Do you see a device that is not yours? Sign it out, then change your password.",
    only: "You are signed in on this device only.",
    busy: "Signing out …",
  },
  password: {
    heading: "Password",
    change: {
      heading: "Change your password",
      note: "All other devices will be signed out.",
      action: "Change password",
      busy: "Changing …",
      done: "Your password has been changed. All other devices have been signed out.",
    },
    set: {
      heading: "Set a password",
      note: "You have no password: you sign in with a passkey. With a password, you could sign in in a second way.",
      action: "Set password",
      busy: "Saving …",
      done: "Your password has been set.",
    },
    remove: {
      heading: "Do without a password",
      note:
        "You can sign in with your passkeys alone, and nobody can steal a password that does not exist. It needs two passkeys, or one and a verified e-mail address, in case you lose a device.",
      more: "Go on to remove it",
      action: "Remove the password",
      busy: "Removing …",
      done: "Your password has been removed. All other devices have been signed out.",
    },
  },
  security: {
    heading: "Security",
    protected: (when) => `Since ${when}, your password alone does not suffice to sign in.`,
    passwordless: "You sign in with passkeys, and have no password.",
    unprotected: "Your password alone protects this account. Add a passkey or an authenticator app.",
    required: "This server requires a passkey or an authenticator app.",
    requiredFrom: (when) => `From ${when}, this server requires a passkey or an authenticator app.`,
    on: "on",
    since: (when) => `since ${when}`,
    busy: "Saving …",
    turnOff: "Turn it off",
    lastRemoveText:
      "Then your password alone protects this account. Your recovery codes are deleted, and all other devices are signed out.",
    app: "Authenticator app",
    appText: "An app on your phone shows a new code every 30 seconds. You enter it after your password.",
    setUp: "Set up an authenticator app",
    appAdded: "Your authenticator app is set up.",
    appRemoveText: "If you turn it off, all other devices are signed out.",
    appRemove: "Turn off the authenticator app",
    appRemoved: "The authenticator app has been turned off. All other devices have been signed out.",
    codes: "Recovery codes",
    codesText: "They replace your second factor if you lose it.",
    codesTextPasswordless: "They are asked for after a password, so they help only after you have set one again.",
    codesLeft: (count) => (count === 1 ? "1 code is left." : `${count} codes are left.`),
    few: "few",
    codesMore: "Make new codes",
    codesMoreText: "The codes that you have now stop working.",
    codesMake: "Make ten new codes",
    codesMade: "Your new recovery codes are valid, and no others.",
  },
  passkeys: {
    heading: "Passkeys",
    lead: "Sign in with your fingerprint, your face or the PIN of your device. Nobody can steal a passkey with a false page.",
    add: "Add a passkey",
    adding: "Waiting for your device …",
    added: (name) => `The passkey “${name}” has been added.`,
    synchronised: "synchronised",
    oneDevice: "on one device",
    created: (when) => `Added ${when}`,
    used: (when) => `Last used ${when}`,
    unused: "Not used yet",
    more: (name) => `Rename or remove ${name}`,
    rename: "Rename",
    busy: "Saving …",
    renamed: (name) => `The passkey is now called “${name}”.`,
    removeText: "If you remove it, all other devices are signed out.",
    remove: "Remove",
    removing: "Removing …",
    removed: (name) => `The passkey “${name}” has been removed. All other devices have been signed out.`,
    unsupported: "This browser has no passkeys.",
    elsewhere: "Passkeys do not work at this address. Open",
  },
  devices: {
    heading: "Remembered devices",
    lead: "On these devices, your password suffices.",
    none: "Your second factor is asked for on every device.",
    since: (when) => `Since ${when}`,
    until: (when) => `Until ${when}`,
    forget: "Forget",
    forgotten: (device) => `${device} has been forgotten.`,
    forgetAll: "Forget all",
    allForgotten: "All devices have been forgotten.",
    busy: "Saving …",
  },
  reauthenticate: {
    heading: "Is it still you?",
    lead: "For this, please enter your password again.",
    leadPasskey: "For this, please use your passkey again.",
    action: "Continue",
    passkey: "Use a passkey",
    busy: "Checking …",
  },
  signedOut: "You have been signed out.",
  signInAgain: "Sign in again.",
  signedOutElsewhere: "You have been signed out in another tab or on another device.",

  /** What the server's codes mean on this page. All other codes are shown with the server's own message. */
  errors: {
    [ApiError.NO_ANSWER]: "The server does not answer. Check your connection, then try again.",
    [ApiError.FOREIGN_ANSWER]: "The server cannot answer now. Try again later.",
    invalid_credentials: "The name or the password is wrong.",
    wrong_password: "The password is wrong.",
    not_found: "This server does not offer this.",
    link_invalid: "This link is not valid. It may have been used already, or a newer one has replaced it.",
    link_expired: "This link has expired.",
    mail_unavailable: "This server sends no mail. Please ask its operator.",
    too_many_attempts: "There were too many attempts.",
    insufficient_user_authentication: "You have not confirmed that it is you. Nothing has been changed.",
    [ApiError.PASSKEY_CANCELLED]: "Your device gave no passkey. Try again, or choose another way.",
    [ApiError.PASSKEY_UNSUPPORTED]: "Passkeys do not work in this browser, or at this address.",
    [ApiError.PASSKEY_EXISTS]: "This device already has a passkey of your account.",
    passkey_invalid: "This passkey is not valid here. It may have been removed.",
    mfa_required: "You have not confirmed that it is you. Nothing has been changed.",
    mfa_invalid: "This is wrong, or was used before.",
    mfa_code_wrong: "The code is wrong. Wait for the next one if you have used it before.",
    mfa_ticket_invalid: "That took too long, or too many answers were wrong. Start again with your password.",
    totp_not_begun: "That took too long. Begin again.",
    last_way_in: "Without it, you could lose this account. Add another way to sign in first.",
    too_many_passkeys: "You have as many passkeys as you can have. Remove one first.",
  },
};

/** An error for people. */
export function explain(error) {
  if (!(error instanceof ApiError)) throw error;
  const text = words.errors[error.code] ?? error.message;
  return error.retryAfter ? `${text} Try again ${soon(error.retryAfter)}.` : text;
}
