import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { InvalidToken } from "jwtapi-verifier";
import { checkSignature, takeApart } from "../src/compact.js";
import { readKeySet } from "../src/keys.js";

const VECTORS = new URL("../../../tests/vectors/wycheproof/", import.meta.url);
const ACCEPTED = ["ES256", "EdDSA", "RS256"];

function vectors(file) {
  return JSON.parse(readFileSync(new URL(file, VECTORS))).groups;
}

/** "valid", "invalid", or "unusable" if no key of the key set can be used. */
async function outcome(keys, jws) {
  const set = await readKeySet(Buffer.from(JSON.stringify({ keys })), () => {}).catch(() => undefined);
  if (!set) return "unusable";
  try {
    const parts = takeApart(jws);
    const key = keys.length === 1 ? [...set.values()][0] : set.get(parts.header.kid);
    if (!key) return "invalid";
    await checkSignature(parts, key);
    return "valid";
  } catch (error) {
    if (error instanceof InvalidToken) return "invalid";
    throw error;
  }
}

for (const [file, valid] of [["es256.json", 2], ["eddsa_rfc8037.json", 1], ["rs256.json", 8]]) {
  test(`exactly the valid signatures of ${file} are accepted`, async () => {
    let accepted = 0;
    for (const { key, tests } of vectors(file)) {
      for (const { tcId, comment, jws, expect } of tests) {
        assert.equal(await outcome([{ kid: "k", ...key }], jws), expect, `${tcId} ${comment}`);
        if (expect === "valid") accepted += 1;
      }
    }
    assert.equal(accepted, valid);
  });
}

test("no key that is made for encryption verifies a signature", async () => {
  for (const { key, tests } of vectors("key_use.json")) {
    for (const { tcId, jws } of tests) {
      for (const alg of ACCEPTED) assert.equal(await outcome([{ ...key, alg }], jws), "unusable", tcId);
    }
  }
});

test("no secret verifies a signature", async () => {
  for (const { key, tests } of vectors("hs256.json")) {
    for (const { tcId, jws } of tests) assert.equal(await outcome([{ kid: "k", ...key }], jws), "unusable", tcId);
  }
});

test("a bad key of a key set verifies no signature", async () => {
  // 1 is signed with a secret that has a good key beside it. 5 is good. 7 has a modulus that can be factored because of
  // how one maker's cards choose primes; the issuer does not choose them so.
  const others = { 1: "invalid", 5: "valid", 7: "valid" };
  for (const { keys, tests } of vectors("key_sets.json")) {
    for (const { tcId, jws, comment } of tests) {
      const got = await outcome(keys, jws);
      assert.equal(got, others[tcId] ?? "unusable", `${tcId} ${comment}`);
    }
  }
});
