// Parses strict JSON (RFC 8259 and I-JSON, RFC 7493). JSON.parse accepts duplicate names (the last one wins), 1e400 as
// Infinity, and lone surrogates. If two parsers read a text differently, an attacker can use that.

const MAX_DEPTH = 64;
const STRING = /"(?:[^"\\]|\\.)*"/g;

/**
 * @param {Uint8Array} bytes
 * @returns {unknown}
 * @throws {SyntaxError | TypeError} the text is not strict JSON
 */
export function parseStrictJson(bytes) {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  const value = JSON.parse(text);
  // In valid JSON, each colon outside of the strings follows a name. Names that were lost occurred twice.
  const names = text.replace(STRING, "").split(":").length - 1;
  if (names !== countNames(value, 1)) throw new SyntaxError("a name occurs twice in one object");
  return value;
}

/**
 * @param {unknown} value
 * @param {number} depth
 * @returns {number}
 */
function countNames(value, depth) {
  if (typeof value === "string") requireWellFormed(value);
  if (typeof value === "number" && !Number.isFinite(value)) throw new SyntaxError("a number is out of range");
  if (typeof value !== "object" || value === null) return 0;
  if (depth > MAX_DEPTH) throw new SyntaxError("nested too deeply");
  let count = 0;
  for (const [name, member] of Object.entries(value)) {
    if (!Array.isArray(value)) {
      requireWellFormed(name);
      count += 1;
    }
    count += countNames(member, depth + 1);
  }
  return count;
}

/** @param {string} text */
function requireWellFormed(text) {
  if (!text.isWellFormed()) throw new SyntaxError("a string has half of a surrogate pair");
}
