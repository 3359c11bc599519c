/** What only the account page must know of the server's settings. */

import { fact } from "./facts.js";

export const facts = {
  /** "open", "invite" or "closed" */
  registration: fact("registration"),
  /** "required", "optional" or "off": whether a new account has an address, and whether mails are sent at all */
  email: fact("email"),
};
