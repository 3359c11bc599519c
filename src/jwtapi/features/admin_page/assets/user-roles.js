/** The roles of a user: one is added or removed at a time. */

import { line, offering } from "./admin-fields.js";
import { words } from "./admin-words.js";
import { confirming } from "./confirm.js";
import { h, paragraph, part } from "./elements.js";
import { actionButton, form } from "./form.js";
import { name } from "./show.js";

const text = words.user;
const ID = "roles";

export function rolesCard({ client, again }, path, { roles }, isOwn) {
  const save = async (changed, news) => {
    // Somebody else may have changed them since they were shown, and what is sent replaces all of them.
    const { roles: present } = await client.request("GET", path);
    await client.request("PATCH", path, { roles: changed(present) });
    await again(news, ID);
  };
  const item = (role) => {
    const remove = () =>
      save(
        (present) => present.filter((each) => each !== role),
        text.roleRemoved(role),
      );
    const confirm =
      isOwn && role === "admin" ? confirming(text.dropAdmin, text.dropAdminText, text.removeRole(role)) : undefined;
    const button = actionButton("×", text.removing, remove, { kind: "quiet", target: text.removeRole(role), confirm });
    return h("li", {}, h("span", {}, name(role)), button);
  };
  const role = line("roles", text.role, {
    required: true,
    maxLength: 255,
    codes: ["roles_invalid"],
    wrong: ({ value }) => (value.includes(",") ? text.roleComma : ""),
  });
  const add = form({
    fields: [roles.includes("admin") ? role : offering(role, ["admin"])],
    action: text.addRole,
    busy: words.busy,
    kind: "secondary",
    send: ({ roles: typed }) => {
      const added = typed.trim();
      return save((present) => [...new Set([...present, added])], text.roleAdded(added));
    },
  });
  return part(
    ID,
    text.roles,
    roles.length > 0 ? h("ul", { class: "chips" }, ...roles.map(item)) : paragraph(text.noRoles, "note"),
    add,
  );
}
