/** Creates a user: a person, or a service account. */

import { choice, line, roles, rolesIn } from "./admin-fields.js";
import { words } from "./admin-words.js";
import { h, paragraph } from "./elements.js";
import * as fields from "./fields.js";
import { form } from "./form.js";
import { onceView } from "./once.js";
import { wayBack } from "./users.js";

const text = words.newUser;

export function newUserView(page) {
  const kind = choice("kind", text.kind, [
    ["person", text.person],
    ["service", text.service],
  ]);
  const username = line("username", text.username, {
    required: true,
    maxLength: 64,
    codes: ["username_taken", "username_reserved"],
  });
  const email = line("email", text.email, {
    type: "email",
    hint: text.emailHint,
    maxLength: 320,
    codes: ["email_invalid", "email_taken"],
    wrong: ({ validity }) => (validity.typeMismatch ? words.fields.notAnAddress : ""),
  });
  const password = fields.newPassword("password", text.password, { required: false, hint: text.passwordHint });
  const role = roles();
  const note = paragraph(text.serviceText, "note");

  const isService = () => kind.value() === "service";
  const adapt = () => {
    note.hidden = !isService();
    for (const { element, input } of [email, password]) {
      element.hidden = isService();
      if (isService()) input.value = "";
    }
  };
  kind.input.addEventListener("change", adapt);
  kind.element.append(note);
  adapt();

  const send = async (values) => {
    const body = {
      username: values.username,
      roles: rolesIn(values.roles),
      ...(isService()
        ? { isServiceAccount: true }
        : { email: values.email || undefined, password: values.password || undefined }),
    };
    const { id, username, resetLink } = await page.client.request("POST", "/api/admin/users", body);
    const mailed = body.email && !body.password;
    const open = () => page.go(`users/${id}`, mailed ? text.doneWithMail(username, body.email) : text.done(username));
    if (!resetLink) return open();
    return page.show(
      onceView({
        heading: text.linkHeading,
        lead: text.linkLead(username),
        secret: resetLink,
        copy: text.copy,
        done: open,
      }),
    );
  };
  return {
    heading: text.heading,
    wide: true,
    content: [
      wayBack(),
      h(
        "div",
        { class: "card" },
        h("h1", {}, text.heading),
        form({ fields: [kind, username, email, password, role], action: text.action, busy: text.busy, send }),
      ),
    ],
  };
}
