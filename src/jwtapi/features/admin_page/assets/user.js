/** Shows a user, and what administrators can do to the user. */

import { words } from "./admin-words.js";
import { copyButton } from "./copy-button.js";
import { h, paragraph, part } from "./elements.js";
import { actionButton } from "./form.js";
import { confirming } from "./confirm.js";
import { at, breakable, name, nothing, since, stateBadges } from "./show.js";
import { accessCard, removalCard } from "./user-access.js";
import { eventsCard } from "./user-events.js";
import { userKeysCard } from "./user-keys.js";
import { metadataCard } from "./user-metadata.js";
import { rolesCard } from "./user-roles.js";
import { sessionsCard } from "./user-sessions.js";
import { opening, wayBack } from "./users.js";

const text = words.user;

export async function userView(page, id) {
  const { client, account } = page;
  const path = `/api/admin/users/${id}`;
  const user = await client.request("GET", path);
  const [{ sessions }, { keys }, { events }] = await Promise.all([
    client.request("GET", `${path}/sessions`),
    client.request("GET", `${path}/keys`),
    client.request("GET", `/api/admin/events?user=${id}&limit=10`),
  ]);
  opening(id);
  const isOwn = user.username === account.username;
  return {
    heading: user.username,
    wide: true,
    content: [
      wayBack(),
      h(
        "div",
        { class: "top" },
        h("div", {}, h("h1", {}, name(user.username)), h("p", { class: "badges" }, ...stateBadges(user).filter(Boolean))),
        h("div", { class: "actions" }, stateButton(page, path, user, isOwn)),
      ),
      isOwn && paragraph(text.own, "warning"),
      h(
        "div",
        { class: "columns" },
        h(
          "div",
          {},
          detailsCard(user),
          rolesCard(page, path, user, isOwn),
          accessCard(page, path, user),
        ),
        h(
          "div",
          {},
          !user.isServiceAccount && sessionsCard(page, path, sessions),
          userKeysCard(page, path, user, keys),
          metadataCard(page, path, user),
          eventsCard(user, events),
          removalCard(page, path, user),
        ),
      ),
    ].filter(Boolean),
  };
}

function stateButton({ client, again }, path, user, isOwn) {
  const set = (disabled) => async () => {
    await client.request("PATCH", path, { disabled });
    await again(disabled ? text.disabled(user.username) : text.enabled(user.username));
  };
  if (user.state === "disabled") return actionButton(text.enable, text.enabling, set(false));
  const confirm = isOwn ? confirming(text.disableOwn, text.disableOwnText, text.disable) : undefined;
  return actionButton(text.disable, text.disabling, set(true), { kind: "danger", confirm });
}

function detailsCard(user) {
  const yes = (value) => (value ? text.yes : text.no);
  const person = !user.isServiceAccount;
  return part(
    "details",
    text.details,
    h(
      "dl",
      { class: "facts" },
      person && detail(text.email, user.email ?? text.noEmail),
      user.pendingEmail && detail(text.pendingEmail, user.pendingEmail),
      detail(text.created, at(user.createdAt)),
      person && detail(text.lastLogin, user.lastLoginAt ? since(user.lastLoginAt) : nothing()),
      person && detail(text.password, yes(user.hasPassword)),
      person && detail(text.secondFactor, yes(user.hasSecondFactor)),
      user.externalId && detail(text.externalId, h("code", {}, user.externalId)),
      detail(text.id, breakable(user.id, "code")),
    ),
    copyButton(user.id, text.copyId),
  );
}

const detail = (term, value) => h("div", {}, h("dt", {}, term), h("dd", {}, value));
