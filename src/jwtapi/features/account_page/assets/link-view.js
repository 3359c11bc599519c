/** A view that a link of a mail leads to. It sends the token of the link when its button is clicked, never before. */

import { h, paragraph } from "./elements.js";
import { form } from "./form.js";
import { addressOf } from "./navigation.js";
import { words } from "./account-words.js";

/**
 * @param {any} page
 * @param {object} options
 * @param {any} options.words The words of the view.
 * @param {import("./fields.js").Field[]} [options.fields]
 * @param {Element[]} [options.before]
 * @param {string} [options.another] The view where a new link can be asked for.
 * @param {(token: string, values: Record<string, string>) => Promise<unknown>} options.send
 */
export function linkView(page, { words: own, fields = [], before = [], another, send }) {
  const { token, account } = page.link;
  const content = token
    ? [
        paragraph(own.lead(account), "lead"),
        form({
          before,
          fields,
          action: own.action,
          busy: own.busy,
          send: async (values) => {
            await send(token, values);
            delete page.link.token; // it has been used
          },
        }),
        paragraph(own.note, "note"),
      ]
    : [paragraph(words.link.missing)];
  const links =
    another !== undefined &&
    h("ul", { class: "links" }, h("li", {}, h("a", { href: addressOf(another) }, words.link.another)));
  return {
    heading: own.heading,
    content: [h("div", { class: "card" }, h("h1", {}, own.heading), ...content, links || "")],
  };
}
