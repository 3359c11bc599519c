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

/**
 * Show who is signed in, if somebody is.
 *
 * @param {string} [username]
 * @param {() => Promise<void>} [signOut]
 */
export function showUser(username, signOut) {
  const brand = h("a", { class: "brand", href: addressOf("") }, facts.site);
  if (username === undefined) return header.replaceChildren(brand);
  const leave = actionButton(words.signOut, words.sessions.busy, signOut, { kind: "quiet" });
  return header.replaceChildren(brand, h("div", { class: "user" }, h("span", {}, username), leave));
}

/**
 * Show a view.
 *
 * @param {View} view
 * @param {{ name: string, moved: boolean }} state `moved`: the user came from another view, so the focus goes to the
 *   heading, or to the field that a step asks for.
 */
export function show({ heading, content, wide = false }, { name, moved }) {
  document.title = words.title(heading, facts.site);
  document.body.classList.toggle("wide", wide);
  menu.hidden = !wide;
  menu.replaceChildren(
    h(
      "ul",
      {},
      ...Object.entries(words.menu).map(([view, text]) =>
        h("li", {}, h("a", { href: addressOf(view), "aria-current": view === name ? "page" : undefined }, text)),
      ),
    ),
  );
  viewBox.replaceChildren(...content);
  viewBox.removeAttribute("aria-busy");
  if (moved) {
    const title = viewBox.querySelector("h1");
    title.tabIndex = -1;
    (viewBox.querySelector("[autofocus]") ?? title).focus();
    scrollTo(0, 0);
  }
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
