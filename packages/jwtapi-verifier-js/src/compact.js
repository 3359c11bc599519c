// Takes a token apart (RFC 7515 §7.1), and checks its form and its header. jose checks the signature later, but it
// accepts duplicate names and other spellings of base64url.

import { compactVerify, errors } from "jose";
import { decodeBase64url } from "./base64url.js";
import { InvalidToken } from "./errors.js";
import { parseStrictJson } from "./strict-json.js";

const MAX_LENGTH = 8192;
const MAX_KID_LENGTH = 256;
const TYPES = ["at+jwt", "application/at+jwt"];

/** What could bring a key with the token, or change what is signed. jwtapi uses none of them. */
const REFUSED_PARAMETERS = ["crit", "b64", "jwk", "jku", "x5u", "x5c"];

/** @typedef {{ token: string, header: Record<string, unknown>, payload: Buffer }} Parts */

/**
 * @param {unknown} token
 * @returns {Parts}
 */
export function takeApart(token) {
  if (typeof token !== "string" || token.length > MAX_LENGTH) throw new InvalidToken("malformed");
  const segments = token.split(".");
  if (segments.length !== 3) throw new InvalidToken("malformed");
  try {
    const [header, payload] = segments.map(decodeBase64url);
    return { token, header: requireObject(parseStrictJson(header)), payload };
  } catch {
    throw new InvalidToken("malformed");
  }
}

/**
 * Returns the `kid` of the header of an access token (RFC 9068 §2.1).
 * @param {Record<string, unknown>} header
 */
export function kidOf(header) {
  if (REFUSED_PARAMETERS.some((name) => Object.hasOwn(header, name))) throw new InvalidToken("unsupported_header");
  if (!TYPES.includes(/** @type {string} */ (header.typ))) throw new InvalidToken("wrong_type");
  const { kid } = header;
  if (typeof kid !== "string" || kid === "" || kid.length > MAX_KID_LENGTH) throw new InvalidToken("unknown_key");
  return kid;
}

/**
 * The algorithm is the key's own. What the header states must equal it.
 * @param {Parts} parts
 * @param {import("./keys.js").Key} key
 */
export async function checkSignature({ token, header }, key) {
  if (header.alg !== key.alg) throw new InvalidToken("wrong_algorithm");
  try {
    await compactVerify(token, key.key, { algorithms: [key.alg] });
  } catch (error) {
    if (error instanceof errors.JOSEError) throw new InvalidToken("wrong_signature");
    throw error;
  }
}

/**
 * Returns the claims of a payload.
 * @param {Uint8Array} payload
 */
export function parsePayload(payload) {
  try {
    return requireObject(parseStrictJson(payload));
  } catch {
    throw new InvalidToken("malformed");
  }
}

/**
 * @param {unknown} value
 * @returns {Record<string, unknown>}
 */
function requireObject(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new SyntaxError("not an object");
  return /** @type {Record<string, unknown>} */ (value);
}
