/** Asks whether something is really to be done that cannot be undone. The focus is on the way back. */

import { ask } from "./dialog.js";
import { h, paragraph } from "./elements.js";

/** Return a question for `form` and `actionButton`. */
export const confirming = (heading, text, action) => () =>
  ask(heading, (answer, cancel) => {
    cancel.autofocus = true;
    const go = h("button", { type: "button", class: "danger", click: () => answer(true) }, action);
    return [paragraph(text), h("div", { class: "actions" }, go, cancel)];
  });
