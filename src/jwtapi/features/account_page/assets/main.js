/** Starts the page, and shows the view of the address to those who may see it. */

import { accountView } from "./account.js";
import { Client } from "../client.js";
import { h } from "./elements.js";
import { forgotView } from "./forgot.js";
import { actionButton } from "./form.js";
import * as frame from "./frame.js";
import { takeLink } from "./link.js";
import { addressOf, currentView, visit } from "./navigation.js";
import { passwordView } from "./password.js";
import { registerView } from "./register.js";
import { resetView } from "./reset.js";
import { securityView } from "./security.js";
import { sessionsView } from "./sessions.js";
import { signInView } from "./sign-in.js";
import { askPassword, askSecondFactor } from "./step-up.js";
import { undoView } from "./undo.js";
import { verifyView } from "./verify.js";
import { explain, words } from "./words.js";

const FOR_EVERYBODY = {
  forgot: forgotView,
  register: registerView,
  reset: resetView,
  undo: undoView,
  verify: verifyView,
};
const FOR_OWNERS = { "": accountView, password: passwordView, security: securityView, sessions: sessionsView };

const client = new Client({
  askPassword: (problem) => askPassword(page, problem),
  askSecondFactor: async (question) => (question.signingIn ? null : askSecondFactor(question)), // a view asks
});

/** What views get. */
const page = {
  client,
  /** The values of the link that was opened, such as `token`. */
  link: takeLink(),
  /** The signed-in user's account, or null. */
  account: null,
  /** Show another view, and say what has happened. */
  async go(view, news = "") {
    visit(view);
    await render({ news, moved: true });
  },
  /** Show a step of this view in its place, until the user goes on or elsewhere. */
  show(view) {
    rendering++;
    showing.abort();
    frame.notice("");
    frame.show(view, { name: currentView(), moved: true });
  },
  /** Show this view again, with what has changed. */
  again: (news = "") => render({ news, moved: true }),
};

const signOut = () => client.signOut();
let rendering = 0;
/** Aborted when the view that is shown gives way to another. */
let showing = new AbortController();

async function render({ news = "", moved = false } = {}) {
  const own = ++rendering;
  const name = currentView();
  const shown = new AbortController();
  let view;
  try {
    const wasSignedIn = client.signedIn;
    page.account = await loadAccount();
    if (wasSignedIn && !client.signedIn) news = news ? `${news} ${words.signInAgain}` : words.signedOutElsewhere;
    const make = FOR_EVERYBODY[name] ?? (page.account ? (FOR_OWNERS[name] ?? accountView) : signInView);
    view = await make(page, shown.signal);
  } catch (error) {
    view = unreachable(error);
  }
  if (own !== rendering) return shown.abort(); // another view was asked for meanwhile
  showing.abort();
  showing = shown;
  frame.notice(news);
  frame.showUser(page.account?.username, signOut);
  frame.show(view, { name, moved });
}

let loading = false;

/** Return the account, or null if nobody is signed in, which may turn out only now. */
async function loadAccount() {
  if (!client.signedIn) return null;
  loading = true;
  try {
    return await client.request("GET", "/api/account");
  } catch (error) {
    if (client.signedIn) throw error;
    return null;
  } finally {
    loading = false;
  }
}

function unreachable(error) {
  const heading = words.unreachable;
  const text = h("p", { role: "alert" }, explain(error));
  const card = h("div", { class: "card" }, h("h1", {}, heading), text, actionButton(words.again, words.loading, start));
  return { heading, wide: page.account !== null, content: [card] };
}

async function start() {
  frame.showUser();
  try {
    await client.refresh();
  } catch (error) {
    frame.show(unreachable(error), { name: "", moved: false });
    return;
  }
  await render();
}

client.addEventListener("signed-in", ({ detail }) => {
  if (detail.elsewhere && !(currentView() in FOR_EVERYBODY)) render();
});

client.addEventListener("signed-out", ({ detail }) => {
  page.account = null;
  frame.showUser();
  if (!loading && !(currentView() in FOR_EVERYBODY))
    page.go("", detail.elsewhere ? words.signedOutElsewhere : words.signedOut);
});

// A link within the page changes the view. The browser does the rest, such as opening another tab.
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  const inside = link && `${link.pathname}/`.startsWith(`${addressOf("")}/`) && link.origin === location.origin;
  if (!link || link.target || link.hash || !inside || !plain) return;
  event.preventDefault();
  page.go(link.pathname.slice(addressOf("").length + 1));
});

addEventListener("popstate", () => {
  page.link = { ...page.link, ...takeLink() };
  render({ moved: true });
});

// A page that the browser kept while the user was elsewhere has not heard the news.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

start();
