/** The columns of API keys, which two views have. */

import { words } from "./admin-words.js";
import { confirming } from "./confirm.js";
import { actionButton } from "./form.js";
import { at, name, roleBadges, since, until } from "./show.js";

const text = words.keys;

/**
 * @param {object} options
 * @param {(key: any) => Promise<unknown>} options.revoke
 * @param {import("./data-table.js").ColumnOfTable[]} [options.owner] A column for the owner.
 * @returns {import("./data-table.js").ColumnOfTable[]}
 */
export const keyColumns = ({ revoke, owner = [] }) => [
  { label: text.name, kind: "main", cell: (key) => name(key.name) },
  ...owner,
  { label: text.roles, kind: "long", cell: ({ roles }) => (roles ? roleBadges(roles, 3) : text.allRoles) },
  { label: text.created, cell: ({ createdAt }) => at(createdAt) },
  { label: text.lastUsed, cell: ({ lastUsedAt }) => since(lastUsedAt) },
  { label: text.expires, cell: ({ expiresAt }) => until(expiresAt) },
  {
    label: text.acts,
    kind: "acts",
    cell: (key) =>
      actionButton(text.revoke, text.revoking, () => revoke(key), {
        kind: "danger",
        target: key.name,
        confirm: confirming(text.confirm(key.name), text.confirmText, text.revoke),
      }),
  },
];
