/** Draws stacked bars as SVG, as wide as their place. A screen reader reads one sentence; a table beside it has all numbers. */

import { h, newId } from "./elements.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 220;
const TOP = 10;
const BOTTOM = 28;
const LEFT = 44;
/** How much room the words below a bar need. */
const LABEL = 64;

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.description What the picture shows, in words.
 * @param {{ label: string, title: string, values: number[] }[]} options.bars
 * @param {AbortSignal} options.shown Aborted when the picture is no longer there.
 */
export function barChart({ title, description, bars, shown }) {
  const box = h("div", { class: "chart" });
  const draw = () => {
    const width = Math.floor(box.clientWidth);
    if (width > 0) box.replaceChildren(picture(width, { title, description, bars }));
  };
  const observer = new ResizeObserver(draw);
  observer.observe(box);
  shown.addEventListener("abort", () => observer.disconnect());
  return box;
}

function picture(width, { title, description, bars }) {
  const ids = [newId(), newId()];
  const most = Math.max(1, ...bars.map(({ values }) => values.reduce((sum, value) => sum + value, 0)));
  const step = niceStep(most / 3);
  const top = step * Math.ceil(most / step);
  const room = HEIGHT - TOP - BOTTOM;
  const y = (value) => TOP + room * (1 - value / top);
  const each = (width - LEFT) / bars.length;
  const gap = Math.min(6, each * 0.2);
  const every = Math.ceil(LABEL / each);

  const lines = [];
  for (let value = 0; value <= top; value += step) {
    lines.push(
      s("line", { class: value === 0 ? "axis" : "grid", x1: LEFT, x2: width, y1: y(value), y2: y(value) }),
      s("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, value),
    );
  }
  const drawn = bars.map(({ label, title, values }, index) => {
    const x = LEFT + index * each;
    let below = 0;
    const pieces = values.map((value, series) => {
      const piece = s("rect", {
        class: `series-${series}`,
        ...(series === 1 ? { fill: "url(#hatching)" } : {}), // a rule of CSS would look for it in the file of CSS
        x: x + gap / 2,
        width: each - gap,
        y: y(below + value),
        height: y(below) - y(below + value),
      });
      below += value;
      return piece;
    });
    // The place above a bar belongs to it too, so that the mouse finds what is small.
    const place = s("rect", { class: "place", x, width: each, y: TOP, height: room });
    const words = index % every === 0 && each * (bars.length - index) >= LABEL / 2;
    return s(
      "g",
      {},
      s("title", {}, title),
      place,
      ...pieces,
      words ? s("text", { x: x + each / 2, y: HEIGHT - 8, "text-anchor": "middle" }, label) : "",
    );
  });
  return s(
    "svg",
    { role: "img", "aria-labelledby": ids.join(" "), viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT },
    s("title", { id: ids[0] }, title),
    s("desc", { id: ids[1] }, description),
    s("defs", {}, hatching()),
    ...lines,
    ...drawn,
  );
}

/** The second series is hatched, so that nobody needs to tell its colour from that of the first. */
const hatching = () =>
  s(
    "pattern",
    { id: "hatching", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    s("rect", { class: "ground", width: 6, height: 6 }),
    s("rect", { class: "stripe", width: 3, height: 6 }),
  );

/** A step of 1, 2 or 5 times a power of ten. */
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}

/** An element of SVG, with its attributes. */
function s(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children.map(nodeOf));
  return element;
}

const nodeOf = (child) => (child instanceof Node ? child : String(child));
