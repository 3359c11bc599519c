/** The columns of events, which two views have. */

import { words, exactly } from "./admin-words.js";
import { h, unseen } from "./elements.js";
import { address, at, breakable, nothing, userLink } from "./show.js";

const text = words.events;

/** @param {{ ofUser?: boolean }} [options] `ofUser`: all events are about one user, who needs no column. */
export const eventColumns = ({ ofUser = false } = {}) => [
  { label: text.type, kind: "main", cell: ({ type }) => breakable(type, "code") },
  { label: text.at, cell: (event) => at(event.at) },
  ...(ofUser ? [] : [{ label: text.user, kind: "long", cell: ({ userId, username }) => (userId ? userLink(userId, username) : nothing()) }]),
  { label: text.actor, kind: "long", cell: actorOf },
  { label: text.address, cell: (event) => address(event.address) },
  { label: text.details, cell: detailsOf },
];

function actorOf({ actorId, actorUsername, userId }) {
  if (!actorId) return nothing();
  return actorId === userId ? text.self : userLink(actorId, actorUsername);
}

function detailsOf({ type, at: when, details, sessionId, requestId }) {
  const known = { ...details, [text.session]: sessionId, [text.request]: requestId };
  const lines = Object.entries(known).filter(([, value]) => value !== null && value !== undefined);
  if (lines.length === 0) return nothing();
  return h(
    "details",
    { class: "small" },
    h("summary", {}, text.show, unseen(` ${text.of(type, exactly(when))}`)),
    h(
      "dl",
      { class: "facts" },
      ...lines.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, h("code", {}, plain(value))))),
    ),
  );
}

const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value));
