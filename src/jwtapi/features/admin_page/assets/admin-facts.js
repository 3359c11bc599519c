/** What only the admin page must know of the server's settings. */

import { fact } from "./facts.js";

const account = fact("account");

export const facts = {
  /** Where the page of the user's own account is, or "". */
  account: account && new URL(account, new URL("../..", import.meta.url)).href,
  /** Whether mails are sent. */
  sendsMail: fact("mail") === "on",
  /** The types of events that this server records. */
  eventTypes: fact("event-types").split(" ").filter(Boolean),
};
