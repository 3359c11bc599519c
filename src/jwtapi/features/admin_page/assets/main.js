/** Starts the page, names its views, and shows them to administrators only. */

import { ApiError } from "../client.js";
import { facts } from "./admin-facts.js";
import { words } from "./admin-words.js";
import { clientsView } from "./clients.js";
import { h } from "./elements.js";
import { eventsView } from "./events.js";
import { inviteView } from "./invite.js";
import { keysView } from "./keys.js";
import { mailsView } from "./mails.js";
import { newUserView } from "./new-user.js";
import { overviewView } from "./overview.js";
import { missingView, refusedView, unprovedView } from "./refusals.js";
import { signInView } from "./sign-in.js";
import { startPage } from "./start.js";
import { userView } from "./user.js";
import { usersView } from "./users.js";

const VIEWS = {
  "": overviewView,
  users: usersView,
  "users/new": newUserView,
  "users/invite": inviteView,
  events: eventsView,
  keys: keysView,
  clients: clientsView,
  mails: mailsView,
};

const REFUSALS = {
  role_required: refusedView,
  insufficient_user_authentication: unprovedView,
  not_found: missingView,
};

/** Make a view. The server decides who may see it: a role may have been taken away a moment ago. */
const guarded = (make) => async (page, shown) => {
  try {
    return await make(page, shown);
  } catch (error) {
    const refusal = error instanceof ApiError && REFUSALS[error.code];
    if (!refusal) throw error;
    return refusal(page);
  }
};

function viewNamed(name) {
  const [, id] = /^users\/([^/]+)$/.exec(name) ?? [];
  return VIEWS[name] ?? (id ? (page) => userView(page, id) : missingView);
}

startPage({
  menu: words.menu,
  place: words.place,
  beside: () => (facts.account ? [h("a", { href: facts.account }, words.account)] : []),
  forOwners: (name, { account }) => guarded(account.roles.includes("admin") ? viewNamed(name) : refusedView),
  signIn: (page, signal) =>
    signInView(page, signal, {
      lead: words.place,
      links: facts.account ? [h("a", { href: `${facts.account}/forgot` }, words.signIn.forgot)] : [],
    }),
});
