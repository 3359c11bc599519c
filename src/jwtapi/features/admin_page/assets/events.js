/** Lists the events: filtered, by pages, and as files. */

import { facts } from "./admin-facts.js";
import { instant, line, offering } from "./admin-fields.js";
import { words } from "./admin-words.js";
import { h } from "./elements.js";
import { eventColumns } from "./event-columns.js";
import { download } from "./files.js";
import { actionButton } from "./form.js";
import { listing } from "./listing.js";

const text = words.events;
const PATH = "/api/admin/events";

export async function eventsView(page) {
  const parameters = new URLSearchParams(location.search);
  const value = (field) => parameters.get(field) ?? "";
  const filter = (field) => ({ field });
  const rows = await listing(page, {
    path: PATH,
    member: "events",
    caption: text.caption,
    count: text.count,
    none: text.none,
    columns: eventColumns(),
    filters: [
      filter(line("user", text.user, { value: value("user"), maxLength: 64, hint: text.userHint })),
      filter(line("actor", text.actor, { value: value("actor"), maxLength: 64, hint: text.actorHint })),
      filter(offering(line("type", text.type, { value: value("type"), maxLength: 40 }), facts.eventTypes)),
      filter(line("address", text.address, { value: value("address"), maxLength: 45 })),
      filter(instant("from", text.from, value("from"))),
      filter(instant("to", text.to, value("to"))),
    ],
    tools: (query) => [exportButton(page, query, "csv", text.csv), exportButton(page, query, "jsonl", text.jsonl)],
  });
  return {
    heading: text.heading,
    wide: true,
    content: [h("h1", {}, text.heading), ...rows],
  };
}

/** Download all events that the filters let through, not only those of this page. */
function exportButton(page, query, format, label) {
  const save = async () => {
    const wanted = new URLSearchParams(query);
    wanted.delete("after");
    wanted.set("format", format);
    const day = new Date().toISOString().slice(0, 10);
    await download(page.client, `${PATH}/export?${wanted}`, text.file(day, format));
    page.say(text.downloaded);
  };
  return actionButton(label, text.downloading, save);
}
