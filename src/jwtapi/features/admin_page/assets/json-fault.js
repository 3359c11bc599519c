/** Finds where a text stops being JSON (RFC 8259). The messages of browsers differ, and not all of them tell. */

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;
const SCALAR = new RegExp(`true|false|null|-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?|${STRING.source}`, "y");
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, COLON, COMMA] = ["{", "}", "\\[", "\\]", ":", ","].map(
  (mark) => new RegExp(mark, "y"),
);
const DEEPEST = 200;

/**
 * Return the line and the column of the first fault, counted from 1.
 *
 * @param {string} text
 * @returns {[number, number]}
 */
export function faultOf(text) {
  let at = 0;
  let depth = 0;
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.test(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const value = () => {
    take(SPACE);
    if (take(OPEN)) return list(CLOSE, member);
    return take(OPEN_LIST) ? list(CLOSE_LIST, value) : take(SCALAR);
  };
  const member = () => {
    take(SPACE);
    if (!take(STRING)) return false;
    take(SPACE);
    return take(COLON) && value();
  };
  const list = (close, each) => {
    if (++depth > DEEPEST) return false;
    take(SPACE);
    if (!take(close)) {
      do {
        if (!each()) return false;
        take(SPACE);
      } while (take(COMMA));
      if (!take(close)) return false;
    }
    depth--;
    return true;
  };
  if (value()) take(SPACE);
  const before = text.slice(0, at).split("\n");
  return [before.length, before.at(-1).length + 1];
}
