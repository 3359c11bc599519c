/** The latest events of a user. */

import { words } from "./admin-words.js";
import { dataTable } from "./data-table.js";
import { h, paragraph, part } from "./elements.js";
import { eventColumns } from "./event-columns.js";
import { addressOf } from "./navigation.js";

const text = words.user;

export function eventsCard({ id }, events) {
  const table = dataTable({ caption: text.events, columns: eventColumns({ ofUser: true }) });
  table.show(events);
  const link = (words, query) => h("li", {}, h("a", { href: addressOf(`events?${query}=${id}`) }, words));
  return part(
    "events",
    text.events,
    events.length > 0 ? h("div", { class: "rows" }, table.element) : paragraph(text.noEvents, "note"),
    h("ul", { class: "links" }, link(text.allEvents, "user"), link(text.byUser, "actor")),
  );
}
