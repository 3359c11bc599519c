/** Starts a page, and shows the view of the address to those who may see it. */

import { Client } from "../client.js";
import { h } from "./elements.js";
import { actionButton } from "./form.js";
import * as frame from "./frame.js";
import { currentView, viewOf, visit } from "./navigation.js";
import { askPassword, askSecondFactor } from "./step-up.js";
import { explain, words } from "./words.js";

/** @typedef {(page: any, shown: AbortSignal) => import("./frame.js").View | Promise<import("./frame.js").View>} Make */

/**
 * @param {object} options
 * @param {Record<string, string>} options.menu The words of each view that the menu offers, by its name.
 * @param {Make} options.signIn
 * @param {(name: string, page: any) => Make} options.forOwners The view for those who are signed in.
 * @param {Record<string, Make>} [options.forEverybody] The views that need nobody to be signed in.
 * @param {() => Record<string, string>} [options.takeLink] Takes what the link has that was opened, such as `token`.
 * @param {string} [options.place] What this page is, beside the name of the site.
 * @param {() => Node[]} [options.beside] Something to show beside the name of the user.
 */
export function startPage({ menu, signIn, forOwners, forEverybody = {}, takeLink = () => ({}), place, beside }) {
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
    /** Show another view, and say what has happened. `state` is what its entry of the history keeps. */
    async go(view, news = "", state = null) {
      visit(view, state);
      await render({ news, moved: true });
    },
    /** Show a step of this view in its place, until the user goes on or elsewhere. */
    show(view) {
      rendering++;
      showing.abort();
      frame.notice("");
      frame.show(view, { name: currentView(), moved: true });
    },
    /** Show this view again, with what has changed. `at` is the id of the part that the user has changed. */
    again: (news = "", at = undefined) => render({ news, moved: true, at }),
    /** Say what has happened, and leave the view as it is. */
    say: (news) => frame.notice(news),
  };

  const signOut = () => client.signOut();
  let rendering = 0;
  /** Aborted when the view that is shown gives way to another. */
  let showing = new AbortController();

  async function render({ news = "", moved = false, at = undefined } = {}) {
    const own = ++rendering;
    const name = currentView();
    const shown = new AbortController();
    let view;
    try {
      const wasSignedIn = client.signedIn;
      page.account = await loadAccount();
      if (wasSignedIn && !client.signedIn) news = news ? `${news} ${words.signInAgain}` : words.signedOutElsewhere;
      const make = forEverybody[name] ?? (page.account ? forOwners(name, page) : signIn);
      view = await make(page, shown.signal);
    } catch (error) {
      view = unreachable(error);
    }
    if (own !== rendering) return shown.abort(); // another view was asked for meanwhile
    showing.abort();
    showing = shown;
    frame.notice(news);
    frame.showUser(page.account?.username, signOut);
    frame.show(view, { name, moved, at });
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
    if (detail.elsewhere && !(currentView() in forEverybody)) render();
  });

  client.addEventListener("signed-out", ({ detail }) => {
    page.account = null;
    frame.showUser();
    if (!loading && !(currentView() in forEverybody))
      page.go("", detail.elsewhere ? words.signedOutElsewhere : words.signedOut);
  });

  // A link within the page changes the view. The browser does the rest, such as opening another tab.
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    const view = link && viewOf(link);
    if (!link || view === null || link.target || link.hash || link.download || !plain) return;
    event.preventDefault();
    page.go(view, "", link.state);
  });

  addEventListener("popstate", () => {
    page.link = { ...page.link, ...takeLink() };
    render({ moved: true });
  });

  // A page that the browser kept while the user was elsewhere has not heard the news.
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

  frame.furnish({ menu, place, beside });
  start();
}
