/** Lists the API keys of the user, and revokes them. */

import { card, h, moment, paragraph } from "./elements.js";
import { actionButton } from "./form.js";
import { ago, onDate, words } from "./account-words.js";

const text = words.apiKeys;

export function apiKeysCard({ client, again }, keys) {
  const revoke = async ({ id, name }) => {
    await client.request("DELETE", `/api/keys/${id}`);
    await again(text.revoked(name));
  };
  const items = keys.map((key) =>
    h(
      "li",
      {},
      h("div", {}, h("h3", {}, key.name), details(key)),
      actionButton(text.revoke, text.busy, () => revoke(key), { kind: "danger", target: key.name }),
    ),
  );
  return card(text.heading, paragraph(text.lead), h("ul", { class: "sessions" }, ...items));
}

const details = ({ createdAt, expiresAt, lastUsedAt }) =>
  h(
    "p",
    { class: "note" },
    moment(createdAt, text.created(onDate(createdAt))),
    expiresAt !== null && ", ",
    expiresAt !== null && moment(expiresAt, text.until(onDate(expiresAt))),
    h("br"),
    lastUsedAt === null ? text.unused : moment(lastUsedAt, text.used(ago(lastUsedAt))),
  );
