/** What stands around a view: the header, the menu and the notice, and where the focus goes when the view changes. */

import { h } from "./elements.js";
import { facts } from "./facts.js";
import { actionButton } from "./form.js";
import { addressOf } from "./navigation.js";
import { words } from "./words.js";

const header = document.querySelector("#header");
const menu = document.querySelector("#menu");
const main = document.querySelector("#main");
const noticeBox = document.querySelector("#notice");
const viewBox = document.querySelector("#view");

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment is for links
  main.focus();
});

/** @typedef {{ heading: string, content: Node[], wide?: boolean }} View */

/** What the menu of the page offers: the words of each view, by its name. */
let entries = {};

/** What this page is, beside the name of the site. */
let place = "";

/** Something to show beside the name of the user, such as a link. */
let beside = () => [];

/**
 * Set what stands around all views of the page.
 *
 * @param {{ menu: Record<string, string>, place?: string, beside?: () => Node[] }} options
 */
export function furnish(options) {
  entries = options.menu;
  place = options.place ?? place;
  beside = options.beside ?? beside;
}

/**
 * Show who is signed in, if somebody is.
 *
 * @param {string} [username]
 * @param {() => Promise<void>} [signOut]
 */
export function showUser(username, signOut) {
  const brand = h("a", { class: "brand", href: addressOf("") }, facts.site, place && h("span", {}, ` ${place}`));
  if (username === undefined) return header.replaceChildren(brand);
  const leave = actionButton(words.signOut, words.signingOut, signOut, { kind: "quiet" });
  return header.replaceChildren(brand, h("div", { class: "user" }, ...beside(), h("span", {}, h("bdi", {}, username)), leave));
}

/**
 * Show a view.
 *
 * @param {View} view
 * @param {{ name: string, moved: boolean, at?: string }} state `moved`: the user came from another view, so the focus
 *   goes to the heading, or to the field that a step asks for. `at`: the id of the part of the view that the user has
 *   changed, so the focus goes to its heading.
 */
export function show({ heading, content, wide = false }, { name, moved, at }) {
  document.title = words.title(heading, facts.site);
  document.body.classList.toggle("wide", wide);
  menu.hidden = !wide;
  menu.replaceChildren(
    h(
      "ul",
      {},
      ...Object.entries(entries).map(([view, text]) =>
        h("li", {}, h("a", { href: addressOf(view), "aria-current": currency(view, name) }, text)),
      ),
    ),
  );
  viewBox.replaceChildren(...content);
  viewBox.removeAttribute("aria-busy");
  const part = at && document.getElementById(at)?.querySelector("h2");
  if (part) {
    part.tabIndex = -1;
    part.focus({ preventScroll: true });
  } else if (moved) {
    const title = viewBox.querySelector("h1");
    title.tabIndex = -1;
    scrollTo(0, 0);
    (viewBox.querySelector("[autofocus]") ?? title).focus();
  }
}

/** How an entry of the menu relates to the view of this name: it is the view, or the view is below it. */
function currency(entry, name) {
  if (entry === name) return "page";
  return entry && name.startsWith(`${entry}/`) ? "true" : undefined;
}

/** Say what has happened, to the eye and to screen readers. "" removes it. */
export function notice(text) {
  const close = h(
    "button",
    { type: "button", class: "close", "aria-label": words.close, click: () => notice("") },
    "×",
  );
  noticeBox.replaceChildren(...(text ? [h("p", {}, text), close] : []));
}
