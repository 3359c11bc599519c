/** Lists the API keys of all users, and revokes them. */

import { words } from "./admin-words.js";
import { h } from "./elements.js";
import { keyColumns } from "./key-columns.js";
import { listing } from "./listing.js";
import { userLink } from "./show.js";

const text = words.keys;

export async function keysView(page) {
  const revoke = async (key) => {
    await page.client.request("DELETE", `/api/admin/users/${key.userId}/keys/${key.id}`);
    await page.again(text.revoked(key.name));
  };
  const owner = [{ label: text.owner, kind: "long", cell: ({ userId, username }) => userLink(userId, username) }];
  const rows = await listing(page, {
    path: "/api/admin/keys",
    member: "keys",
    caption: text.caption,
    count: text.count,
    none: text.none,
    columns: keyColumns({ revoke, owner }),
  });
  return { heading: text.heading, wide: true, content: [h("h1", {}, text.heading), ...rows] };
}
