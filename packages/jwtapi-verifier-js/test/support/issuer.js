// A stand-in for jwtapi: a real HTTP server on this machine that can be told to fail in any way.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Verifier } from "jwtapi-verifier";
import { forged, newKey } from "./keys.js";

export const CLIENT = { clientId: "orders", clientSecret: "jwtapi_s+cret" };
const AUTHORIZATION = `Basic ${Buffer.from("orders:jwtapi_s%2Bcret").toString("base64")}`;

export class Issuer {
  keys = [];
  requests = [];
  /** Answers instead of the usual ones, by path: `(request, response) => …`. */
  answers = {};
  headers = { "Cache-Control": "public, max-age=300" };
  now = 1_800_000_000;
  /** What the feed has stated, and how many of it each cursor knows. */
  changes = [];
  generation = 1;
  wait = 0.2;
  endedSessions = new Set();
  warnings = [];
  #sockets = new Set();
  #waiters = new Set();

  static async start(t, alg, certificate) {
    const issuer = new Issuer();
    issuer.certificate = certificate;
    issuer.key = await newKey(alg);
    issuer.keys = [issuer.key.jwk];
    await issuer.listen();
    t.after(() => issuer.stop());
    return issuer;
  }

  async listen() {
    const answer = (request, response) => this.#answer(request, response);
    this.server = this.certificate ? createTlsServer(this.certificate, answer) : createServer(answer);
    this.server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.server.listen(this.port ?? 0, "127.0.0.1");
    await once(this.server, "listening");
    this.port = this.server.address().port;
    this.url = this.certificate ? `https://localhost:${this.port}` : `http://127.0.0.1:${this.port}`;
  }

  /** Cuts every connection. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop() {
    const closed = once(this.server, "close");
    this.server.close();
    this.cut();
    await closed;
  }

  verifier(t, options) {
    const logger = { warn: (message) => this.warnings.push(message) };
    const verifier = new Verifier({ issuer: this.url, audience: "orders", now: () => this.now, logger, ...options });
    t.after(() => verifier.close());
    return verifier;
  }

  claims(changed = {}) {
    const claims = {
      iss: this.url, sub: "2160f433-e786-44de-a783-4e72ba1a8124", aud: "orders", client_id: "jwtapi", username: "alice",
      sid: "364ca752-315b-47f5-8adc-0956a1903029", gen: 0, jti: randomUUID(), iat: this.now, exp: this.now + 900,
      auth_time: this.now, amr: ["pwd"], roles: ["admin", "staff"],
    };
    return Object.fromEntries(Object.entries({ ...claims, ...changed }).filter(([, value]) => value !== undefined));
  }

  token(changed = {}, { key = this.key, header = {} } = {}) {
    return forged(key, { alg: key.alg, typ: "at+jwt", kid: key.jwk.kid, ...header }, this.claims(changed));
  }

  count(path) {
    return this.requests.filter((each) => each.startsWith(path)).length;
  }

  /** Adds entries to the feed: `revoke({ sessions: [{ sid, until }] })`. */
  revoke(lists) {
    this.changes.push(lists);
    this.#wake();
  }

  /** The cursors of before are of another database. */
  loseCursors() {
    this.generation += 1;
    this.#wake();
  }

  #wake() {
    for (const waiter of this.#waiters) waiter();
  }

  async #answer(request, response) {
    this.requests.push(request.url);
    request.resume();
    const { pathname, searchParams } = new URL(request.url, this.url);
    const answer = this.answers[pathname] ?? this.#usual[pathname];
    await answer(request, response, searchParams);
  }

  #usual = {
    "/.well-known/jwks.json": (_, response) => json(response, 200, { keys: this.keys }, this.headers),
    "/token": (request, response) => {
      if (request.headers.authorization !== AUTHORIZATION) return json(response, 401, { error: "invalid_client" });
      json(response, 200, { access_token: `of-a-service-${this.count("/token")}`, token_type: "Bearer", expires_in: 900 });
    },
    "/auth/verify": (request, response) => {
      const [, payload] = request.headers.authorization.split(".");
      const { sid } = JSON.parse(Buffer.from(payload, "base64url").toString());
      response.writeHead(this.endedSessions.has(sid) ? 401 : 204).end();
    },
    "/revocations": (request, response, query) => this.#revocations(request, response, query),
  };

  async #revocations(request, response, query) {
    if (!/^Bearer of-a-service-\d+$/.test(request.headers.authorization)) return json(response, 401, {});
    const [generation, known] = (query.get("after") ?? "").split(".").map(Number);
    if (known === this.changes.length && generation === this.generation && query.get("wait") > 0) {
      await new Promise((resolve) => {
        this.#waiters.add(resolve);
        setTimeout(resolve, this.wait * 1000).unref();
        response.on("close", resolve);
      }).then(() => this.#waiters.clear());
    }
    const reset = generation !== this.generation;
    const lists = { sessions: [], users: [], clients: [], keys: [] };
    for (const change of this.changes.slice(reset ? 0 : known)) {
      for (const [name, entries] of Object.entries(change)) lists[name] = lists[name].concat(entries);
    }
    json(response, 200, { cursor: `${this.generation}.${this.changes.length}`, reset, ...lists });
  }
}

export function json(response, status, body, headers = {}) {
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
}

/** Runs a program with a verifier that is never closed. Returns how it ended and what it printed. */
export async function runProgram(issuer, program, env = {}) {
  const options = { issuer: issuer.url, audience: "orders", ...CLIENT };
  const source = `
    import { Verifier } from "jwtapi-verifier";
    const verifier = new Verifier(${JSON.stringify(options)});
    ${program}`;
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  const child = spawn(process.execPath, ["--input-type=module", "--eval", source], { cwd, env, timeout: 15_000 });
  let printed = "";
  child.stdout.on("data", (chunk) => (printed += chunk));
  child.stderr.on("data", (chunk) => (printed += chunk));
  const [code] = await once(child, "close");
  return { code, printed };
}

/** Waits for a condition. Fails after 10 seconds. */
export async function until(condition) {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`this did not become true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** What `verify` makes of a token: "accepted", or the name and reason of the refusal. */
export async function outcome(verifier, token) {
  try {
    await verifier.verify(token);
    return "accepted";
  } catch (error) {
    return `${error.name}: ${error.reason}`;
  }
}
