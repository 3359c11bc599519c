/** Lists the passkeys of the user, adds, renames and removes them. */

import { badge, card, h, moment, more, paragraph } from "./elements.js";
import { facts, passkeysWork } from "./facts.js";
import * as fields from "./fields.js";
import { actionButton, form } from "./form.js";
import { addressOf } from "./navigation.js";
import { ago, onDate, words } from "./account-words.js";

const text = words.passkeys;

/**
 * @param {any} page
 * @param {import("../client.js").Passkey[]} passkeys
 * @param {{ totpSince: string | null, hasPassword: boolean }} state
 * @param {(made: { recoveryCodes?: string[] }, news: string) => unknown} showCodes
 */
export function passkeysCard(page, passkeys, { totpSince, hasPassword }, showCodes) {
  const { client } = page;
  const isLast = passkeys.length === 1 && totpSince === null && hasPassword;
  const add = async () => {
    const added = await client.addPasskey();
    await showCodes(added, text.added(added.name));
  };
  return card(
    text.heading,
    paragraph(text.lead),
    passkeys.length > 0 &&
      h("ul", { class: "sessions" }, ...passkeys.map((passkey) => item(page, passkey, isLast))),
    passkeysWork ? actionButton(text.add, text.adding, add) : elsewhere(),
  );
}

function item({ client, again }, passkey, isLast) {
  const { id, name, createdAt, lastUsedAt, backedUp, authenticator } = passkey;
  const rename = async (values) => {
    const renamed = await client.request("PATCH", `/api/passkeys/${id}`, values);
    await again(text.renamed(renamed.name));
  };
  const remove = async () => {
    await client.removePasskey(passkey);
    await again(text.removed(name));
  };
  const renaming = { action: text.rename, busy: text.busy, target: name, kind: "secondary", send: rename };
  return h(
    "li",
    {},
    h(
      "div",
      {},
      h("h3", {}, name, badge(backedUp ? text.synchronised : text.oneDevice)),
      h(
        "p",
        { class: "note" },
        authenticator !== null && authenticator !== name && `${authenticator} · `,
        moment(createdAt, text.created(onDate(createdAt))),
        h("br"),
        lastUsedAt === null ? text.unused : moment(lastUsedAt, text.used(ago(lastUsedAt))),
      ),
    ),
    more(
      text.more(name),
      form({ fields: [fields.passkeyName(name)], ...renaming }),
      paragraph(isLast ? words.security.lastRemoveText : text.removeText, "note"),
      actionButton(text.remove, text.removing, remove, { kind: "danger", target: name }),
    ),
  );
}

/** Why no passkey can be added here. */
function elsewhere() {
  const [origin] = facts.passkeyOrigins;
  if (facts.passkeyOrigins.includes(location.origin)) return paragraph(text.unsupported, "note");
  const href = origin + addressOf("security");
  return h("p", { class: "note" }, `${text.elsewhere} `, h("a", { href }, href));
}
