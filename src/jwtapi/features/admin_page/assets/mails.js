/** Lists the mails that wait, and those that were given up. */

import { words } from "./admin-words.js";
import { confirming } from "./confirm.js";
import { badge, h, paragraph } from "./elements.js";
import { actionButton } from "./form.js";
import { listing } from "./listing.js";
import { addressOf } from "./navigation.js";
import { at, breakable, nothing, since } from "./show.js";

const text = words.mails;

export async function mailsView(page) {
  const { client, again } = page;
  const retry = async ({ id }) => {
    await client.request("POST", `/api/admin/mails/${id}/retry`);
    await again(text.retried);
  };
  const remove = async ({ id }) => {
    await client.request("DELETE", `/api/admin/mails/${id}`);
    await again(text.removed);
  };
  const rows = await listing(page, {
    path: "/api/admin/mails",
    member: "mails",
    caption: text.caption,
    count: text.count,
    none: text.none,
    columns: [
      { label: text.kind, kind: "main", cell: ({ kind }) => breakable(kind, "code") },
      { label: text.to, kind: "long", cell: recipientOf },
      {
        label: text.state,
        cell: ({ state }) => badge(text.states[state] ?? state, state === "failed" ? "warning" : ""),
      },
      { label: text.attempts, cell: ({ attempts }) => String(attempts) },
      { label: text.created, cell: ({ createdAt }) => since(createdAt) },
      { label: text.due, cell: ({ nextAttemptAt }) => at(nextAttemptAt) },
      { label: text.error, kind: "long", cell: ({ lastError }) => lastError ?? nothing() },
      {
        label: text.acts,
        kind: "acts",
        cell: (mail) =>
          h(
            "div",
            { class: "actions" },
            actionButton(text.retry, text.retrying, () => retry(mail), { target: whichMail(mail) }),
            actionButton(text.remove, text.removing, () => remove(mail), {
              kind: "danger",
              target: whichMail(mail),
              confirm: confirming(text.confirm, text.confirmText, text.remove),
            }),
          ),
      },
    ],
  });
  return {
    heading: text.heading,
    wide: true,
    content: [h("h1", {}, text.heading), paragraph(text.lead, "lead"), ...rows],
  };
}

/** The address. If it is looked up only when the mail is sent, the user whom it is about. */
function recipientOf({ recipient, userId }) {
  if (recipient) return breakable(recipient);
  return userId ? h("a", { href: addressOf(`users/${userId}`) }, text.user) : nothing();
}

/** What the mail is, for screen readers: there are several buttons alike. */
const whichMail = ({ kind, recipient }) => [kind, recipient].filter(Boolean).join(" ");
