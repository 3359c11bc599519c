/** Lists the users: searched, filtered, sorted, by pages. A row opens the user. */

import { choice, line, offering } from "./admin-fields.js";
import { words } from "./admin-words.js";
import { h } from "./elements.js";
import { listing } from "./listing.js";
import { addressOf } from "./navigation.js";
import { breakable, day, name, nothing, roleBadges, since, stateBadges } from "./show.js";

const text = words.users;

/** The user whose view was opened last: the focus comes back to the row. */
let opened = null;
/** How the list was left, for the way back to it. */
let query = "";
let state = null;

export const opening = (id) => {
  opened = id;
};

/** Where the list of users is, as it was left. */
export function wayBack() {
  const link = h("a", { class: "back", href: addressOf(`users${query}`) }, query ? text.backFiltered : text.back);
  link.state = state;
  return link;
}

export async function usersView(page) {
  const parameters = new URLSearchParams(location.search);
  const value = (field) => parameters.get(field) ?? "";
  const states = [["", text.anyState], ...Object.entries(text.states)];
  const columns = [
    { label: text.name, sort: "username", kind: "main", cell: nameOf },
    { label: text.email, kind: "long", cell: ({ email }) => (email ? breakable(email) : nothing()) },
    { label: text.roles, kind: "long", cell: ({ roles }) => roleBadges(roles, 3) },
    { label: text.created, sort: "createdAt", cell: ({ createdAt }) => day(createdAt) },
    { label: text.lastLogin, cell: ({ lastLoginAt }) => since(lastLoginAt) },
  ];
  const rows = await listing(page, {
    path: "/api/admin/users",
    member: "users",
    caption: text.caption,
    count: text.count,
    none: text.none,
    sort: "username",
    columns,
    filters: [
      {
        field: line("query", text.query, { type: "search", value: value("query"), maxLength: 320, hint: text.queryHint }),
        live: true,
      },
      { field: offering(line("role", text.role, { value: value("role"), maxLength: 255 }), ["admin"]) },
      { field: choice("state", text.state, states, value("state")) },
    ],
    tools: (now) => {
      query = now.size ? `?${now}` : "";
      state = { trail: history.state?.trail ?? [] };
      return [];
    },
  });
  opened = null;
  return {
    heading: text.heading,
    wide: true,
    content: [
      h(
        "div",
        { class: "top" },
        h("h1", {}, text.heading),
        h(
          "div",
          { class: "actions" },
          h("a", { class: "button", href: addressOf("users/invite") }, text.invite),
          h("a", { class: "button primary", href: addressOf("users/new") }, text.create),
        ),
      ),
      ...rows,
    ],
  };
}

function nameOf(user) {
  const link = h("a", { href: addressOf(`users/${user.id}`) }, name(user.username));
  link.autofocus = user.id === opened;
  return [link, ...stateBadges(user).filter(Boolean)];
}
