import assert from "node:assert/strict";
import { test } from "node:test";
import { Issuer, runProgram } from "./support/issuer.js";

async function issuerOfToday(t) {
  const issuer = await Issuer.start(t);
  issuer.now = Math.floor(Date.now() / 1000);
  issuer.wait = 60; // each request to the feed stays open
  return issuer;
}

test("a process with a verifier ends when its own work ends, with a request to the feed open", async (t) => {
  const issuer = await issuerOfToday(t);
  const program = `console.log((await verifier.verify("${issuer.token()}")).username, verifier.feedIsLive);`;
  assert.deepEqual(await runProgram(issuer, program), { code: 0, printed: "alice true\n" });
});

test("a process that waits for a verifier does not end before the answer", async (t) => {
  const issuer = await issuerOfToday(t);
  const answers = ["/.well-known/jwks.json", "/revocations"];
  for (const path of answers) {
    issuer.answers[path] = (...given) => {
      delete issuer.answers[path];
      setTimeout(() => issuer.server.emit("request", ...given), 300);
    };
  }
  const program = `console.log((await verifier.verify("${issuer.token()}")).username);`;
  assert.deepEqual(await runProgram(issuer, program), { code: 0, printed: "alice\n" });
});

test("a process whose verifier was started and never used ends", async (t) => {
  const issuer = await issuerOfToday(t);
  assert.deepEqual(await runProgram(issuer, "verifier.start();"), { code: 0, printed: "" });
});
