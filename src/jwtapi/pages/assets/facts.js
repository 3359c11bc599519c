/** What the page knows of the server's settings, so that it offers nothing that they switch off. */

/** A fact of the page's own, or "" on pages that do not have it. */
export const fact = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

export const facts = {
  passwordMinLength: Number(fact("password-min-length")),
  /** The origins whose pages can use the passkeys of this server. None: it has no passkeys. */
  passkeyOrigins: fact("passkey-origins").split(" ").filter(Boolean),
  /** For how many seconds a device can be remembered. 0: not at all. */
  rememberDevice: Number(fact("remember-device")),
  /** The name of this server for people. */
  site: location.host,
};

/** Whether passkeys work in this browser and at this address. */
export const passkeysWork = facts.passkeyOrigins.includes(location.origin) && "PublicKeyCredential" in globalThis;
