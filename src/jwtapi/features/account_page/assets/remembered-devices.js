/** Lists the devices that are asked for no second factor, and forgets them. */

import { card, h, moment, paragraph } from "./elements.js";
import { actionButton } from "./form.js";
import { onDate, words } from "./account-words.js";

const text = words.devices;

export function devicesCard({ client, again }, devices) {
  const forget = async (device) => {
    await client.request("DELETE", `/api/mfa/devices/${device.id}`);
    await again(text.forgotten(nameOf(device)));
  };
  const forgetAll = async () => {
    await client.request("DELETE", "/api/mfa/devices");
    await again(text.allForgotten);
  };
  const items = devices.map((device) =>
    h(
      "li",
      {},
      h("div", {}, h("h3", {}, nameOf(device)), details(device)),
      actionButton(text.forget, text.busy, () => forget(device), { target: nameOf(device) }),
    ),
  );
  return card(
    text.heading,
    paragraph(devices.length > 0 ? text.lead : text.none),
    items.length > 0 && h("ul", { class: "sessions" }, ...items),
    items.length > 1 && actionButton(text.forgetAll, text.busy, forgetAll),
  );
}

const nameOf = ({ device }) => device || words.sessions.unknown;

const details = ({ createdAt, expiresAt, address }) =>
  h(
    "p",
    { class: "note" },
    moment(createdAt, text.since(onDate(createdAt))),
    address ? ` ${words.sessions.from(address)}` : "",
    h("br"),
    moment(expiresAt, text.until(onDate(expiresAt))),
  );
