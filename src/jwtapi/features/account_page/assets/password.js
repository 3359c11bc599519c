/** Changes the password. */

import { card, h, paragraph } from "./elements.js";
import * as fields from "./fields.js";
import { form } from "./form.js";
import { words } from "./words.js";

export function passwordView({ client, account, again }) {
  return {
    heading: words.password.heading,
    wide: true,
    content: [
      h("h1", {}, words.password.heading),
      card(
        words.password.card,
        paragraph(words.password.note),
        form({
          before: [fields.ownerOf(account.username)],
          fields: [fields.currentPassword("currentPassword"), fields.newPassword("newPassword")],
          action: words.password.action,
          busy: words.password.busy,
          send: async (values) => {
            await client.request("PUT", "/api/password", values);
            await again(words.password.done);
          },
        }),
      ),
    ],
  };
}
