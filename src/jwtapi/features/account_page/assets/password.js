/** Changes the password, sets one, or removes it. */

import { card, h, more, paragraph } from "./elements.js";
import * as fields from "./fields.js";
import { actionButton, form } from "./form.js";
import { words } from "./account-words.js";

const text = words.password;

export async function passwordView(page) {
  const { hasPassword, passkeys } = await page.client.request("GET", "/api/mfa");
  return {
    heading: text.heading,
    wide: true,
    content: [
      h("h1", {}, text.heading),
      changeCard(page, hasPassword),
      hasPassword && passkeys > 0 && removalCard(page),
    ].filter(Boolean),
  };
}

function changeCard({ client, account, again }, hasPassword) {
  const own = hasPassword ? text.change : text.set;
  const change = form({
    before: [fields.ownerOf(account.username)],
    fields: [...(hasPassword ? [fields.currentPassword("currentPassword")] : []), fields.newPassword("newPassword")],
    action: own.action,
    busy: own.busy,
    send: async (values) => {
      await client.request("PUT", "/api/password", values);
      await again(own.done);
    },
  });
  return card(own.heading, paragraph(own.note), change);
}

function removalCard({ client, again }) {
  const remove = async () => {
    await client.request("DELETE", "/api/password");
    await again(text.remove.done);
  };
  const { heading, note, more: moreWords, action, busy } = text.remove;
  return card(
    heading,
    paragraph(note),
    more(moreWords, actionButton(action, busy, remove, { kind: "danger" })),
  );
}
