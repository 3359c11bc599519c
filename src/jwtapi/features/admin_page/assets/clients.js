/** Lists the clients, and deletes them. */

import { words } from "./admin-words.js";
import { confirming } from "./confirm.js";
import { h, paragraph } from "./elements.js";
import { actionButton } from "./form.js";
import { listing } from "./listing.js";
import { at, breakable, name, roleBadges } from "./show.js";

const text = words.clients;

export async function clientsView({ client, again }) {
  const remove = async (app) => {
    await client.request("DELETE", `/api/admin/clients/${app.id}`);
    await again(text.removed(app.name));
  };
  const rows = await listing(
    { client, again },
    {
      path: "/api/admin/clients",
      member: "clients",
      caption: text.caption,
      count: text.count,
      none: text.none,
      columns: [
        { label: text.name, kind: "main", cell: (app) => name(app.name) },
        { label: text.id, cell: ({ id }) => breakable(id, "code") },
        { label: text.scopes, cell: ({ scopes }) => roleBadges(scopes) },
        { label: text.created, cell: ({ createdAt }) => at(createdAt) },
        {
          label: text.acts,
          kind: "acts",
          cell: (app) =>
            actionButton(text.remove, text.removing, () => remove(app), {
              kind: "danger",
              target: app.name,
              confirm: confirming(text.confirm(app.name), text.confirmText, text.remove),
            }),
        },
      ],
    },
  );
  return {
    heading: text.heading,
    wide: true,
    content: [h("h1", {}, text.heading), paragraph(text.lead, "lead"), ...rows],
  };
}
