/** What the page knows of the server's settings, so that it offers nothing that they switch off. */

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;

export const facts = {
  /** "open", "invite" or "closed" */
  registration: meta("registration"),
  /** "required", "optional" or "off": whether a new account has an address, and whether mails are sent at all */
  email: meta("email"),
  passwordMinLength: Number(meta("password-min-length")),
  /** The name of this server for people. */
  site: location.host,
};
