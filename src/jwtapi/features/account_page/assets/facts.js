/** What the page knows of the server's settings, so that it offers nothing that they switch off. */

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;

export const facts = {
  /** "open", "invite" or "closed" */
  registration: meta("registration"),
  /** "required", "optional" or "off": whether a new account has an address, and whether mails are sent at all */
  email: meta("email"),
  passwordMinLength: Number(meta("password-min-length")),
  /** The origins whose pages can use the passkeys of this server. None: it has no passkeys. */
  passkeyOrigins: meta("passkey-origins").split(" ").filter(Boolean),
  /** For how many seconds a device can be remembered. 0: not at all. */
  rememberDevice: Number(meta("remember-device")),
  /** The name of this server for people. */
  site: location.host,
};

/** Whether passkeys work in this browser and at this address. */
export const passkeysWork = facts.passkeyOrigins.includes(location.origin) && "PublicKeyCredential" in globalThis;
