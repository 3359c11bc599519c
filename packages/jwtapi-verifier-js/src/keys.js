// Reads key sets (RFC 7517). A key that does not fit is left out, so that it cannot take the others away.

import { importJWK } from "jose";
import { decodeBase64url } from "./base64url.js";
import { parseStrictJson } from "./strict-json.js";

/** @typedef {{ kid: string, alg: string, key: import("jose").CryptoKey }} Key */
/** @typedef {Record<string, unknown>} Jwk */

/** @type {Record<string, { kty: string, crv?: string, members: string[] }>} */
const ALGORITHMS = {
  ES256: { kty: "EC", crv: "P-256", members: ["x", "y"] },
  EdDSA: { kty: "OKP", crv: "Ed25519", members: ["x"] },
  RS256: { kty: "RSA", members: ["n", "e"] },
};
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const MAX_KEYS = 100;
const RSA_BITS = { least: 2048, most: 8192 };

/**
 * Returns the keys of a key set by kid.
 * @param {Uint8Array} bytes
 * @param {(message: string) => void} warn
 * @throws {Error} it is no key set, or no key of it can be used
 */
export async function readKeySet(bytes, warn) {
  const set = /** @type {{ keys?: unknown } | null} */ (parseStrictJson(bytes));
  if (!Array.isArray(set?.keys)) throw new Error("the answer is not a key set");
  if (set.keys.length > MAX_KEYS) throw new Error(`the key set has more than ${MAX_KEYS} keys`);
  /** @type {Map<string, Key>} */
  const keys = new Map();
  const seen = new Set();
  for (const jwk of set.keys) {
    const kid = jwk?.kid;
    try {
      if (seen.has(kid)) {
        keys.delete(kid);
        throw new Error("its kid occurs twice");
      }
      seen.add(kid);
      const key = await readKey(jwk);
      keys.set(key.kid, key);
    } catch (error) {
      warn(`a key is left out (kid ${shown(kid)}): ${/** @type {Error} */ (error).message}`);
    }
  }
  if (keys.size === 0) throw new Error("the key set has no usable key");
  return keys;
}

/**
 * @param {Jwk | null} jwk
 * @returns {Promise<Key>}
 */
async function readKey(jwk) {
  if (typeof jwk !== "object" || jwk === null) throw new Error("it is not an object");
  if (typeof jwk.kid !== "string" || jwk.kid === "") throw new Error("it has no kid");
  if (typeof jwk.alg !== "string" || !Object.hasOwn(ALGORITHMS, jwk.alg)) throw new Error("its alg is not accepted");
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) throw new Error("it has private members");
  if (jwk.use !== undefined && jwk.use !== "sig") throw new Error("it is not for signatures");
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes("verify")))
    throw new Error("it is not for signatures");
  const { kty, crv, members } = ALGORITHMS[jwk.alg];
  if (jwk.kty !== kty || jwk.crv !== crv) throw new Error("its kty or crv does not fit its alg");
  const values = Object.fromEntries(members.map((name) => [name, requireBase64url(jwk[name])]));
  if (kty === "RSA") checkRsa(decodeBase64url(values.n), decodeBase64url(values.e));
  const key = await importJWK({ kty, ...(crv && { crv }), ...values }, jwk.alg);
  return { kid: jwk.kid, alg: jwk.alg, key: /** @type {import("jose").CryptoKey} */ (key) };
}

/**
 * @param {Buffer} modulus
 * @param {Buffer} exponent
 */
function checkRsa(modulus, exponent) {
  if (!modulus[0]) throw new Error("its modulus starts with zeros");
  const bits = modulus.length * 8 - Math.clz32(modulus[0]) + 24;
  if (bits < RSA_BITS.least || bits > RSA_BITS.most) throw new Error("its modulus is too small or too large");
  const e = BigInt(`0x${exponent.toString("hex") || 0}`);
  if (e <= 2n ** 16n || e >= 2n ** 64n || e % 2n === 0n) throw new Error("its exponent is not accepted");
}

/** @param {unknown} value */
function requireBase64url(value) {
  if (typeof value !== "string") throw new Error("a member is missing");
  decodeBase64url(value);
  return value;
}

/** @param {unknown} kid */
function shown(kid) {
  return typeof kid === "string" ? JSON.stringify(kid.slice(0, 64)) : "missing";
}
