/** The sessions of a user, and their end. */

import { words } from "./admin-words.js";
import { dataTable } from "./data-table.js";
import { h, paragraph, part } from "./elements.js";
import { actionButton } from "./form.js";
import { address, at, nothing, since } from "./show.js";

const text = words.user;
const ID = "sessions";

export function sessionsCard({ client, again }, path, sessions) {
  const end = async ({ id }) => {
    await client.request("DELETE", `${path}/sessions/${id}`);
    await again(text.ended, ID);
  };
  const endAll = async () => {
    await client.request("DELETE", `${path}/sessions`);
    await again(text.allEnded, ID);
  };
  const table = dataTable({
    caption: text.sessions,
    columns: [
      { label: text.device, kind: "main", cell: (session) => h("span", {}, deviceOf(session)) },
      { label: text.address, cell: (session) => address(session.address) },
      { label: text.how, cell: ({ amr }) => methodsOf(amr) || nothing() },
      { label: text.lastUsed, cell: ({ lastUsedAt }) => since(lastUsedAt) },
      { label: text.expires, cell: ({ expiresAt }) => at(expiresAt) },
      {
        label: text.end,
        kind: "acts",
        cell: (session) => actionButton(text.end, text.ending, () => end(session), { target: deviceOf(session) }),
      },
    ],
  });
  table.show(sessions);
  return part(
    ID,
    text.sessions,
    ...(sessions.length > 0
      ? [h("div", { class: "rows" }, table.element), actionButton(text.endAll, text.ending, endAll, { kind: "danger" })]
      : [paragraph(text.noSessions, "note")]),
  );
}

const deviceOf = ({ userAgent }) => userAgent || text.unknownDevice;

const methodsOf = (amr) => [...new Set((amr ?? []).map((method) => text.methods[method]).filter(Boolean))].join(", ");
