/** The views for those who may not see what they asked for, and for what does not exist. */

import { facts } from "./admin-facts.js";
import { words } from "./admin-words.js";
import { h, paragraph } from "./elements.js";
import { actionButton } from "./form.js";
import { addressOf } from "./navigation.js";

/** Somebody is signed in who is no administrator. */
export const refusedView = ({ account, client }) => {
  const signOut = actionButton(words.signOut, words.signingOut, () => client.signOut(), { kind: "primary" });
  return refusal(words.refused.heading, words.refused.text(account.username), signOut, {
    links: [facts.account && h("a", { href: facts.account }, words.account)],
  });
};

/** An administrator has not proved enough: with a second factor, or at all. */
export async function unprovedView({ client, again }) {
  const { enabled, required } = await client.request("GET", "/api/mfa");
  const retry = actionButton(words.again, words.loading, () => again(), { kind: "primary" });
  const lacksFactor = required && !enabled;
  return refusal(words.unproved.heading, lacksFactor ? words.unproved.factor : words.unproved.text, retry, {
    links: [lacksFactor && facts.account && h("a", { href: `${facts.account}/security` }, words.unproved.link)],
  });
}

export const missingView = () => {
  const back = h("a", { class: "button", href: addressOf("users") }, words.users.back);
  return refusal(words.missing.heading, words.missing.text, back, { wide: true });
};

/** A view with one thing to do. It has the menu only where the other views would work. */
function refusal(heading, text, act, { links = [], wide = false } = {}) {
  const items = links.filter(Boolean).map((link) => h("li", {}, link));
  const list = items.length > 0 && h("ul", { class: "links" }, ...items);
  const card = h("div", { class: "card refusal" }, h("h1", {}, heading), paragraph(text), act, list);
  return { heading, wide, content: [card] };
}
