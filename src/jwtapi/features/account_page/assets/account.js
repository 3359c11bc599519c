/** The account: who it is, its address, its data, and its end. */

import { card, h, moment, more, paragraph } from "./elements.js";
import * as fields from "./fields.js";
import { download } from "./files.js";
import { actionButton, form } from "./form.js";
import { onDate, atTime, words } from "./account-words.js";

const text = words.account;

export async function accountView(page) {
  const { account, client } = page;
  const { hasPassword } = await client.request("GET", "/api/mfa");
  return {
    heading: text.heading,
    wide: true,
    content: [
      h("h1", {}, account.username),
      h(
        "p",
        { class: "lead" },
        moment(account.createdAt, text.since(onDate(account.createdAt))),
        account.lastLoginAt ? [", ", text.lastLogin(atTime(account.lastLoginAt))].join("") : "",
      ),
      emailCard(page),
      nameCard(page),
      dataCard(page),
      removalCard(page, hasPassword),
    ],
  };
}

function emailCard({ client, account, again }) {
  const { email, emailVerified, pendingEmail } = account;
  const send = async (address) => {
    await client.request("POST", "/api/email", { email: address });
    await again(text.emailDone(address));
  };
  const waiting = pendingEmail ?? (emailVerified ? null : email);
  const change = form({
    fields: [fields.email()],
    action: text.emailAction,
    busy: text.busy,
    send: (values) => send(values.email),
    kind: "secondary",
  });
  return card(
    text.email,
    email
      ? h(
          "p",
          { class: "value" },
          `${email} `,
          h(
            "span",
            { class: emailVerified ? "badge" : "badge warning" },
            emailVerified ? text.verified : text.unverified,
          ),
        )
      : paragraph(text.noEmail),
    waiting && paragraph(pendingEmail ? text.pending(pendingEmail) : text.verifyFirst, "note"),
    waiting && actionButton(text.sendAgain, text.busy, () => send(waiting)),
    more(email ? text.changeEmail : text.addEmail, change),
  );
}

function nameCard({ client, account, again }) {
  const rename = form({
    fields: [fields.username()],
    action: text.nameAction,
    busy: text.busy,
    send: async ({ username }) => {
      const changed = await client.request("PATCH", "/api/account", { username });
      await again(text.nameDone(changed.username));
    },
    kind: "secondary",
  });
  const { roles } = account;
  return card(
    text.details,
    h("dl", {}, detail(text.name, account.username), roles.length > 0 && detail(text.roles, roles.join(", "))),
    more(text.changeName, rename),
  );
}

function dataCard({ client, say }) {
  const save = async () => {
    await download(client, "/api/account/export", text.file);
    say(text.downloaded);
  };
  return card(text.data, paragraph(text.dataText), actionButton(text.download, text.downloading, save));
}

function removalCard({ client, account, go }, hasPassword) {
  const remove = form({
    before: hasPassword ? [fields.ownerOf(account.username)] : [],
    fields: hasPassword ? [fields.currentPassword("password", words.fields.password)] : [],
    action: text.removeAction,
    busy: text.removing,
    send: async ({ password }) => {
      if (hasPassword) await client.reauthenticate(password); // so that the server does not ask for it again
      await client.request("DELETE", "/api/account", { password });
      await client.signOut();
      await go("", text.removed);
    },
    kind: "danger",
  });
  return card(text.remove, paragraph(text.removeText), more(text.removeMore, remove));
}

const detail = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
