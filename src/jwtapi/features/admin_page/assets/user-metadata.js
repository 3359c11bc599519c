/** What administrators note about a user, as JSON. */

import { json } from "./admin-fields.js";
import { words } from "./admin-words.js";
import { paragraph, part } from "./elements.js";
import { form } from "./form.js";

const text = words.user;
const ID = "metadata";

/** What was typed and not saved: another change shows the view again, and must not take it away. */
let draft = null;

export function metadataCard({ client, again }, path, { id, metadata }) {
  const saved = JSON.stringify(metadata, null, 2);
  if (draft?.id !== id || draft.saved !== saved || draft.typed === saved) draft = null;
  const field = json("metadata", text.metadataLabel, draft?.typed ?? saved);
  field.input.addEventListener("input", () => {
    draft = { id, saved, typed: field.value() };
  });
  const editor = form({
    fields: [field],
    action: text.saveMetadata,
    busy: words.busy,
    kind: "secondary",
    send: async (values) => {
      await client.request("PATCH", path, { metadata: JSON.parse(values.metadata) });
      draft = null;
      await again(text.metadataSaved, ID);
    },
  });
  return part(
    ID,
    text.metadata,
    paragraph(text.metadataText),
    draft && paragraph(text.metadataUnsaved, "warning"),
    editor,
  );
}
