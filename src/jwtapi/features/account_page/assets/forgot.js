/** Asks for a link that sets a new password. The answer is the same whether or not there is such an account. */

import { h, paragraph } from "./elements.js";
import { facts } from "./account-facts.js";
import * as fields from "./fields.js";
import { form } from "./form.js";
import { addressOf } from "./navigation.js";
import { words } from "./account-words.js";

export function forgotView({ client }) {
  const back = h("ul", { class: "links" }, h("li", {}, h("a", { href: addressOf("") }, words.forgot.back)));
  const heading = h("h1", {}, words.forgot.heading);
  const card = h("div", { class: "card" });
  const sent = () => {
    heading.textContent = words.forgot.sent;
    heading.tabIndex = -1;
    card.replaceChildren(heading, paragraph(words.forgot.sentText), back);
    heading.focus();
  };
  const ask = form({
    fields: [fields.login("login")],
    action: words.forgot.action,
    busy: words.forgot.busy,
    send: async (values) => {
      await client.request("POST", "/password/forgot", values);
      sent();
    },
  });
  if (facts.email === "off") card.append(heading, paragraph(words.forgot.off), back);
  else card.append(heading, paragraph(words.forgot.lead, "lead"), ask, back);
  return { heading: words.forgot.heading, content: [card] };
}
