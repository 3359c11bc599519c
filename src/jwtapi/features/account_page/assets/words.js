/** All words of the page. A translation is a copy of this module. */

import { ApiError } from "../client.js";

export const language = "en";

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

export const words = {
  title: (heading, site) => `${heading} · ${site}`,
  menu: { "": "Account", sessions: "Sessions", password: "Password" },
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
  },

  signIn: {
    heading: "Sign in",
    lead: "to your account",
    action: "Sign in",
    busy: "Signing in …",
    forgot: "Forgot your password?",
    register: "Create an account",
    needed: "Please sign in first.",
  },
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
    note: "All devices will be signed out.",
    action: "Change password",
    busy: "Changing …",
    done: "Your password has been changed. Sign in with the new one.",
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
    methods: { pwd: "password", otp: "one-time code", mfa: "second factor" },
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
    card: "Change your password",
    note: "All other devices will be signed out.",
    action: "Change password",
    busy: "Changing …",
    done: "Your password has been changed. All other devices have been signed out.",
  },
  reauthenticate: {
    heading: "Is it still you?",
    lead: "For this, please enter your password again.",
    action: "Continue",
    busy: "Checking …",
  },
  signedOut: "You have been signed out.",
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
    insufficient_user_authentication: "This needs your password. Nothing has been changed.",
  },
};

/** An error for people. */
export function explain(error) {
  if (!(error instanceof ApiError)) throw error;
  const text = words.errors[error.code] ?? error.message;
  return error.retryAfter ? `${text} Try again ${soon(error.retryAfter)}.` : text;
}
