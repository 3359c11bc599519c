/** The words that all pages share, and how they write times. A translation is a copy of this module and of a page's own words. */

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
  signOut: "Sign out",
  signingOut: "Signing out …",
  loading: "Loading …",
  close: "Close this message",
  cancel: "Cancel",
  again: "Try again",
  unreachable: "This could not be loaded",
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
    not_found: "It is not there any more, or this server does not offer it.",
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
