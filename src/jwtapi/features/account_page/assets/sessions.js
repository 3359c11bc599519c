/** Lists the sessions of the user, and ends them. */

import { card, h, moment, paragraph } from "./elements.js";
import { actionButton } from "./form.js";
import { ago, atTime, words } from "./account-words.js";

const text = words.sessions;

export async function sessionsView({ client, again }) {
  const { sessions } = await client.request("GET", "/api/sessions");

  const end = async (session) => {
    await client.request("DELETE", `/api/sessions/${session.id}`);
    await again(text.ended(nameOf(session)));
  };
  const endOthers = async () => {
    await client.request("DELETE", "/api/sessions");
    await again(text.othersDone);
  };

  const items = sessions.map((session) =>
    h(
      "li",
      {},
      h(
        "div",
        {},
        h("h3", {}, nameOf(session), session.current && h("span", { class: "badge" }, text.current)),
        details(session),
      ),
      !session.current && actionButton(text.end, text.busy, () => end(session), { target: nameOf(session) }),
    ),
  );
  return {
    heading: text.heading,
    wide: true,
    content: [
      h("h1", {}, text.heading),
      card(
        text.list,
        h("ul", { class: "sessions" }, ...items),
        sessions.length > 1 ? actionButton(text.others, text.busy, endOthers) : paragraph(text.only, "note"),
      ),
      card(
        text.everywhere,
        paragraph(text.everywhereText),
        actionButton(text.everywhere, text.busy, () => client.signOut({ everywhere: true }), { kind: "danger" }),
      ),
    ],
  };
}

const nameOf = (session) => session.device || text.unknown;

function details({ createdAt, lastUsedAt, address, methods }) {
  const by = (methods ?? []).map((method) => text.methods[method]).filter(Boolean);
  return h(
    "p",
    { class: "note" },
    moment(lastUsedAt, text.used(ago(lastUsedAt))),
    address ? ` ${text.from(address)}` : "",
    h("br"),
    moment(createdAt, text.created(atTime(createdAt))),
    by.length ? ` ${text.by(by.join(", "))}` : "",
  );
}
