/** Shows a secret once: a key or a link. It is in no address, and neither a reload nor "back" leads to it again. */

import { copyButton } from "./copy-button.js";
import { h, paragraph } from "./elements.js";
import { actionButton } from "./form.js";
import { words } from "./admin-words.js";

/**
 * @param {object} options
 * @param {string} options.heading
 * @param {string} options.lead
 * @param {string} options.secret
 * @param {string} options.copy The words on the button.
 * @param {string} [options.note]
 * @param {() => Promise<unknown>} options.done The administrator has kept it.
 * @returns {import("./frame.js").View}
 */
export const onceView = ({ heading, lead, secret, copy, note, done }) => ({
  heading,
  wide: true,
  content: [
    h(
      "div",
      { class: "card once" },
      h("h1", {}, heading),
      paragraph(lead, "lead"),
      h("p", { class: "sheet" }, h("code", { class: "secret" }, secret)),
      copyButton(secret, copy),
      note && paragraph(note, "note"),
      paragraph(words.once.warning, "warning"),
      actionButton(words.once.done, words.loading, done, { kind: "primary" }),
    ),
  ],
});
