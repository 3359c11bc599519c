import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { CLIENT, Issuer, json, outcome, until } from "./support/issuer.js";

const VERIFY = "/auth/verify";

/** A verifier whose feed was live, and has been silent for 6 seconds. */
async function silent(t, onSilence) {
  const issuer = await Issuer.start(t);
  const verifier = issuer.verifier(t, { ...CLIENT, onSilence });
  const sid = randomUUID();
  issuer.revoke({ sessions: [{ sid, until: issuer.now + 960 }] });
  await verifier.verify(issuer.token());
  const polled = issuer.count("/revocations");
  issuer.answers["/revocations"] = () => {};
  issuer.cut();
  await until(() => issuer.count("/revocations") > polled); // from now on, the feed takes no other connection
  issuer.now += 6;
  assert.equal(verifier.feedIsLive, false);
  return { issuer, verifier, ended: issuer.token({ sid }) };
}

test("at silence, a verifier that refuses cannot check tokens, and refuses those that it knows to be revoked", async (t) => {
  const { issuer, verifier, ended } = await silent(t, "refuse");
  assert.equal(await outcome(verifier, issuer.token()), "Unavailable: feed_silent");
  assert.equal(await outcome(verifier, ended), "InvalidToken: session_ended");
  assert.equal(await outcome(verifier, issuer.token({ aud: "others" })), "InvalidToken: wrong_audience");
  assert.equal(issuer.count(VERIFY), 0);
});

test("at silence, a verifier that accepts refuses only what it knows to be revoked", async (t) => {
  const { issuer, verifier, ended } = await silent(t, "accept");
  assert.equal(await outcome(verifier, issuer.token()), "accepted");
  assert.equal(await outcome(verifier, ended), "InvalidToken: session_ended");
});

test("at silence, a verifier that asks does what jwtapi answers, for each token anew", async (t) => {
  const { issuer, verifier, ended } = await silent(t, "ask");
  const sid = randomUUID();
  const token = issuer.token({ sid });
  assert.equal(await outcome(verifier, token), "accepted");
  assert.equal(await outcome(verifier, token), "accepted");
  assert.equal(issuer.count(VERIFY), 2);
  issuer.endedSessions.add(sid);
  assert.equal(await outcome(verifier, token), "InvalidToken: refused_by_issuer");
  assert.equal(await outcome(verifier, ended), "InvalidToken: session_ended");
  assert.equal(await outcome(verifier, issuer.token({ aud: "others" })), "InvalidToken: wrong_audience");
  assert.equal(issuer.count(VERIFY), 3);
});

test("at silence, a verifier that asks and gets no answer of jwtapi cannot check tokens", async (t) => {
  const { issuer, verifier } = await silent(t, "ask");
  const faults = [
    (_, response) => json(response, 503, {}),
    (_, response) => json(response, 404, {}),
    (_, response) => response.writeHead(302, { Location: "/elsewhere" }).end(),
    (request) => request.socket.destroy(),
    () => {}, // ends after 2 seconds
  ];
  for (const fault of faults) {
    issuer.answers[VERIFY] = fault;
    assert.equal(await outcome(verifier, issuer.token()), "Unavailable: ask_failed");
  }
  assert.equal(issuer.count("/elsewhere"), 0);
});

test("a question is asked again on a new connection if jwtapi closes those that were kept", async (t) => {
  const { issuer, verifier } = await silent(t, "ask");
  const held = [];
  issuer.answers[VERIFY] = ({ socket }, response) => held.push({ socket, response });
  const first = Promise.all([1, 2].map(() => outcome(verifier, issuer.token())));
  await until(() => held.length === 2);
  for (const { response } of held) response.writeHead(204).end();
  assert.deepEqual(await first, ["accepted", "accepted"]);
  const kept = held.map(({ socket }) => socket);
  issuer.answers[VERIFY] = ({ socket }, response) => {
    if (kept.includes(socket)) socket.destroy();
    else response.writeHead(204).end();
  };
  assert.equal(await outcome(verifier, issuer.token()), "accepted");
  assert.equal(issuer.count(VERIFY), 4);
});

test("the token of a service cannot be asked about, because jwtapi verifies only those of users there", async (t) => {
  const { issuer, verifier } = await silent(t, "ask");
  const service = { sub: "c", client_id: "c", sid: undefined, username: undefined, roles: undefined };
  assert.equal(await outcome(verifier, issuer.token(service)), "Unavailable: feed_silent");
  assert.equal(issuer.count(VERIFY), 0);
});

test("at most 32 questions are asked at the same time", async (t) => {
  const { issuer, verifier } = await silent(t, "ask");
  const held = [];
  let most = 0;
  issuer.answers[VERIFY] = (_, response) => {
    most = Math.max(most, held.push(response));
    if (held.length < 32 && issuer.count(VERIFY) < 100) return;
    setTimeout(() => held.splice(0).forEach((each) => each.writeHead(204).end()), 20); // a 33rd would come meanwhile
  };
  const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcome(verifier, issuer.token())));
  assert.deepEqual([...new Set(outcomes)], ["accepted"]);
  assert.equal(most, 32);
});

test("before the feed has ever answered it is silent, and the first tokens wait for its first answer", async (t) => {
  const issuer = await Issuer.start(t);
  const held = [];
  issuer.answers["/revocations"] = (...given) => held.push(given);
  const verifier = issuer.verifier(t, CLIENT);
  const outcomes = Promise.all([1, 2, 3].map(() => outcome(verifier, issuer.token())));
  await until(() => held.length === 1);
  assert.equal(verifier.feedIsLive, false);
  const [, response] = held[0];
  json(response, 200, { cursor: "x", reset: true, sessions: [], users: [], clients: [], keys: [] });
  assert.deepEqual(await outcomes, ["accepted", "accepted", "accepted"]);
});

test("no token waits for the first answer of the feed longer than 5 seconds", async (t) => {
  const issuer = await Issuer.start(t);
  issuer.answers["/revocations"] = (_, response) => json(response, 503, {});
  const verifier = issuer.verifier(t, CLIENT);
  assert.equal(await outcome(verifier, issuer.token()), "Unavailable: feed_silent");
  const before = issuer.count("/revocations");
  assert.equal(await outcome(verifier, issuer.token()), "Unavailable: feed_silent");
  assert.ok(issuer.count("/revocations") <= before + 1); // the second did not wait
});
