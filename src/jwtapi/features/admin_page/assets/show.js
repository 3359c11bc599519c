/** Shows what the lists of the page have in common: people, roles, times. Names may be written from right to left. */

import { badge, h } from "./elements.js";
import { addressOf } from "./navigation.js";
import { ago, exactly, onDay, toTheSecond, words } from "./admin-words.js";

/** A text of somebody's choice. Its direction does not change that of the words around it. */
export const name = (text) => h("bdi", {}, text);

/** A user, as a link to the view of the user. */
export const userLink = (id, username) =>
  h("a", { href: addressOf(`users/${id}`) }, username ? name(username) : breakable(id, "code"));

export const nothing = () => h("span", { class: "none" }, "–");

/** A long text without spaces, such as an id or an address: it may be broken after a mark. */
export const breakable = (text, tag = "span") =>
  h(tag, {}, ...text.split(/(?<=[.:_/@-])/).flatMap((part, index) => (index === 0 ? [part] : [h("wbr"), part])));

/** A time, as far as it is from now. A browser shows the exact one when the mouse rests on it. */
export const since = (when) =>
  when ? h("time", { dateTime: when, class: "whole", title: exactly(when) }, ago(when)) : nothing();

/** A time, to the second. It is broken between the day and the time only. */
export const at = (when) =>
  when
    ? h("time", { dateTime: when }, whole(`${onDay(when)},`), " ", whole(toTheSecond(when)))
    : nothing();

/** A day. A browser shows the time when the mouse rests on it. */
export const day = (when) => h("time", { dateTime: when, class: "whole", title: exactly(when) }, onDay(when));

/** An IP address. That of version 6 may be broken. */
export const address = (text) => (text ? (text.includes(":") ? breakable(text) : whole(text)) : nothing());

const whole = (text) => h("span", { class: "whole" }, text);

/** When something ends. */
export function until(when) {
  if (!when) return words.never;
  const over = new Date(when) < new Date();
  return h("span", {}, at(when), over && " ", over && badge(words.expired, "warning"));
}

/** Badges, of which the list shows a few. */
export function roleBadges(roles, most = Infinity) {
  if (roles.length === 0) return nothing();
  const more = roles.length - most;
  return h(
    "span",
    { class: "badges" },
    ...roles.slice(0, most).map((role) => h("span", { class: "badge" }, name(role))),
    more > 0 && h("span", { class: "note" }, words.more(more)),
  );
}

/** The state of a user, if it is not the usual one. */
export const stateBadges = ({ state, isServiceAccount }) => [
  isServiceAccount && badge(words.states.service),
  state === "disabled" && badge(words.states.disabled, "warning"),
];
