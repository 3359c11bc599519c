/** The API keys of a user. Administrators make keys for service accounts; people make their own. */

import { instant, line, rolesIn } from "./admin-fields.js";
import { words } from "./admin-words.js";
import { dataTable } from "./data-table.js";
import { h, more, paragraph, part } from "./elements.js";
import { form } from "./form.js";
import { keyColumns } from "./key-columns.js";
import { onceView } from "./once.js";

const text = words.user;
const ID = "keys";

export function userKeysCard(page, path, user, keys) {
  const revoke = async (key) => {
    await page.client.request("DELETE", `${path}/keys/${key.id}`);
    await page.again(words.keys.revoked(key.name), ID);
  };
  const table = dataTable({ caption: text.keys, columns: keyColumns({ revoke }) });
  table.show(keys);
  return part(
    ID,
    text.keys,
    keys.length > 0 ? h("div", { class: "rows" }, table.element) : paragraph(text.noKeys, "note"),
    user.isServiceAccount ? more(text.newKey, newKey(page, path, user)) : paragraph(text.keysPerson, "note"),
  );
}

function newKey({ client, show, again }, path, user) {
  return form({
    fields: [
      line("name", text.keyName, { required: true, maxLength: 64, hint: text.keyNameHint }),
      instant("expiresAt", text.keyExpires),
      line("roles", text.keyRoles, { maxLength: 1024, hint: text.keyRolesHint, codes: ["roles_invalid"] }),
    ],
    action: text.makeKey,
    busy: words.busy,
    send: async ({ name, expiresAt, roles }) => {
      const wanted = rolesIn(roles);
      const body = { name, expiresAt: expiresAt || undefined, roles: wanted.length > 0 ? wanted : undefined };
      const { key } = await client.request("POST", `${path}/keys`, body);
      show(
        onceView({
          heading: text.keyHeading,
          lead: text.keyLead(name, user.username),
          secret: key,
          copy: text.copyKey,
          note: `Authorization: Bearer ${key.slice(0, 12)}…`,
          done: () => again("", ID),
        }),
      );
    },
  });
}
