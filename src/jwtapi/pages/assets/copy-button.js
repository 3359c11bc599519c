/** A button that copies a text, and says that it has. */

import { h } from "./elements.js";
import { words } from "./words.js";

/** Return the button, or null where scripts have no clipboard: on a page over plain http. */
export function copyButton(text, label) {
  if (!navigator.clipboard) return null;
  const status = h("span", { class: "note", role: "status" });
  const copy = async () => {
    status.textContent = "";
    const copied = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    status.textContent = copied ? words.copy.done : words.copy.failed;
  };
  return h("div", { class: "copy" }, h("button", { type: "button", class: "secondary", click: copy }, label), status);
}
