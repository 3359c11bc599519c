/** Asks in a dialog. The browser gives the focus back to where it was before. */

import { h, newId } from "./elements.js";
import { words } from "./words.js";

/**
 * Return what the user answers, or null if the user closes the dialog.
 *
 * @param {string} heading
 * @param {(answer: (value: any) => void, cancel: Element) => (Element | false)[]} content
 */
export function ask(heading, content) {
  return new Promise((resolve) => {
    const title = newId();
    let given = null;
    const dialog = h("dialog", { "aria-labelledby": title, close: () => (dialog.remove(), resolve(given)) });
    const answer = (value) => {
      given = value;
      dialog.close();
    };
    const cancel = h("button", { type: "button", class: "quiet", click: () => dialog.close() }, words.cancel);
    const children = content(answer, cancel).filter(Boolean);
    dialog.append(h("h2", { id: title }, heading), ...children);
    document.body.append(dialog);
    dialog.showModal();
    const places = ["[aria-invalid]", ".problem:not([hidden])", "[autofocus]", "input:not([hidden])", "button"];
    places.map((place) => dialog.querySelector(place)).find(Boolean).focus();
  });
}
