// Makes keys and signs tokens, right ones and any others.

import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { calculateJwkThumbprint } from "jose";

const GENERATE = {
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
  RS256: (bits = 2048) => generateKeyPairSync("rsa", { modulusLength: bits }),
};

export async function newKey(alg = "ES256", bits) {
  const { publicKey, privateKey } = GENERATE[alg](bits);
  const jwk = publicKey.export({ format: "jwk" });
  return { alg, privateKey, publicKey, jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg, use: "sig" } };
}

export const encoded = (data) => Buffer.from(typeof data === "object" && !Buffer.isBuffer(data) ? JSON.stringify(data) : data).toString("base64url");

/** A token of any header and payload (objects, texts or bytes), with a right signature. */
export function forged(key, header, payload) {
  return signed(key, `${encoded(header)}.${encoded(payload)}`);
}

export function signed({ alg, privateKey }, text) {
  const signature = sign(alg === "EdDSA" ? null : "sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}

export function signedWithSecret(secret, header, payload) {
  const text = `${encoded(header)}.${encoded(payload)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}
