/** Shows recovery codes, once: to copy, to download, to print. */

import { copyButton } from "./copy-button.js";
import { h, paragraph } from "./elements.js";
import { facts } from "./facts.js";
import { save } from "./files.js";
import { actionButton } from "./form.js";
import { onDate, words } from "./words.js";

const text = words.recoveryCodes;

/**
 * @param {string[]} codes
 * @param {{ owner: string, wide?: boolean, done: () => Promise<unknown> }} options `done`: the user has kept them.
 * @returns {import("./frame.js").View}
 */
export function recoveryCodesView(codes, { owner, wide = false, done }) {
  const title = text.title(owner, facts.site, onDate(new Date()));
  const lines = codes.join("\n");
  const download = () => save(new Blob([`${title}\n\n${lines}\n`], { type: "text/plain" }), text.file);
  const button = (words, click) => h("button", { type: "button", class: "secondary", click }, words);
  return {
    heading: text.heading,
    wide,
    content: [
      h(
        "div",
        { class: "card" },
        h("h1", {}, text.heading),
        paragraph(text.lead, "lead"),
        h(
          "div",
          { class: "sheet" },
          paragraph(title, "note"),
          h("ul", { class: "codes" }, ...codes.map((code) => h("li", {}, h("code", {}, code)))),
        ),
        h(
          "div",
          { class: "actions" },
          button(text.download, download),
          button(text.print, () => print()),
          copyButton(lines, text.copy),
        ),
        paragraph(text.once),
        actionButton(text.kept, words.loading, done, { kind: "primary" }),
      ),
    ],
  };
}
