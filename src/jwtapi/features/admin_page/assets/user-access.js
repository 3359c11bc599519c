/** How a user signs in: what an administrator can force, reset and end. */

import { facts } from "./admin-facts.js";
import { line } from "./admin-fields.js";
import { words } from "./admin-words.js";
import { confirming } from "./confirm.js";
import { h, more, paragraph, part } from "./elements.js";
import { actionButton, form } from "./form.js";
import { onceView } from "./once.js";

const text = words.user;
const ID = "access";

export function accessCard(page, path, user) {
  if (user.isServiceAccount) return part(ID, text.access, paragraph(text.serviceText, "note"));
  const { client, again, show } = page;
  const mailed = facts.sendsMail && Boolean(user.email);
  const link = async () => {
    const made = await client.request("POST", `${path}/reset-link`);
    show(
      onceView({
        heading: text.linkHeading,
        lead: text.linkLead(user.username),
        secret: made.link,
        copy: text.copyLink,
        done: () => again("", ID),
      }),
    );
  };
  const force = async () => {
    await client.request("POST", `${path}/force-password-reset`);
    await again(text.forced(mailed), ID);
  };
  const resetMfa = async () => {
    await client.request("POST", `${path}/reset-mfa`);
    await again(text.mfaReset, ID);
  };
  const forceText = text.forceText(mailed);
  return part(
    ID,
    text.access,
    act(text.linkText, actionButton(text.link, words.busy, link)),
    act(
      forceText,
      actionButton(text.force, words.busy, force, { confirm: confirming(`${text.force}?`, forceText, text.force) }),
    ),
    user.hasSecondFactor
      ? act(
          text.resetMfaText,
          actionButton(text.resetMfa, words.busy, resetMfa, {
            confirm: confirming(`${text.resetMfa}?`, text.resetMfaText, text.resetMfa),
          }),
        )
      : paragraph(text.noFactor, "note"),
  );
}

/** The name is typed, so that nobody deletes the wrong user by a habit of the fingers. */
export function removalCard({ client, go }, path, { username }) {
  const typed = line("username", text.confirmName(username), {
    required: true,
    wrong: ({ value }) => (value.trim().normalize() === username.normalize() ? "" : text.wrongName),
  });
  const remove = form({
    fields: [typed],
    action: text.removeAction,
    busy: text.deleting,
    kind: "danger",
    send: async () => {
      await client.request("DELETE", path);
      await go("users", text.deleted(username));
    },
  });
  return part("removal", text.remove, paragraph(text.removeText), more(text.removeMore, remove));
}

const act = (words, button) => h("div", { class: "act" }, paragraph(words, "note"), button);
