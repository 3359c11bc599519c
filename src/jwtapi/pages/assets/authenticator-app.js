/** Sets up an authenticator app: what it needs, and the form for its first code. */

import { copyButton } from "./copy-button.js";
import { h, paragraph } from "./elements.js";
import * as fields from "./fields.js";
import { form } from "./form.js";
import { words } from "./words.js";

const text = words.authenticator;

/**
 * @param {{ secret: string, uri: string, qrSvg: string }} app
 * @param {{ back: Element, send: (values: { code: string }) => Promise<unknown> }} options
 * @returns {Element[]}
 */
export function appSetUp({ secret, uri, qrSvg }, { back, send }) {
  return [
    h(
      "ol",
      { class: "steps" },
      h(
        "li",
        {},
        paragraph(text.scan),
        h("div", { class: "qr" }, qrCode(qrSvg)),
        h("p", { class: "note" }, h("a", { href: uri }, text.here)),
      ),
      h("li", {}, paragraph(text.type), h("p", {}, h("code", {}, inGroups(secret))), copyButton(secret, text.copy)),
      h("li", {}, paragraph(text.confirm)),
    ),
    form({ fields: [fields.oneTimeCode()], action: text.action, busy: text.busy, beside: [back], send }),
  ];
}

/** The picture of the server, without its size: that of the page applies. */
function qrCode(svg) {
  const picture = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  picture.setAttribute("viewBox", `0 0 ${picture.getAttribute("width")} ${picture.getAttribute("height")}`);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", text.qr);
  return document.adoptNode(picture);
}

const inGroups = (secret) => secret.match(/.{1,4}/g).join(" ");
