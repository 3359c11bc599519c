/** Takes back a change of the address that somebody else made, with the link from the mail to the former address. */

import { linkView } from "./link-view.js";
import { words } from "./account-words.js";

export const undoView = (page) =>
  linkView(page, {
    words: words.undo,
    send: async (token) => {
      await page.client.request("POST", "/email/undo", { token });
      await page.go("forgot", words.undo.done);
    },
  });
