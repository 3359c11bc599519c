// A lean server for the work of jwtapi: each commit waits for the disk, and a refresh token is used once.
const { randomUUID } = require("node:crypto");
const bcrypt = require("bcrypt");
const Database = require("better-sqlite3");
const fastify = require("fastify");
const { createSigner, createVerifier } = require("fast-jwt");

const { JWT_SECRET, REFRESH_SECRET, PORT, BCRYPT_ROUNDS = "12" } = process.env;
const ACCESS_SECONDS = 15 * 60;
const REFRESH_SECONDS = 7 * 24 * 60 * 60;
const REMEMBERED_SESSIONS = 10_000; // as many as a worker of jwtapi

const database = new Database("peer.db");
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec(`
  CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, hash TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id), generation INTEGER NOT NULL,
    refreshed_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, revoked_at INTEGER
  );
`);
const addUser = database.prepare("INSERT INTO users (id, username, hash) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
const userByName = database.prepare("SELECT id, username, hash FROM users WHERE username = ?");
const addSession = database.prepare(
  "INSERT INTO sessions (id, user_id, generation, refreshed_at, expires_at) VALUES (?, ?, 0, ?, ?)",
);
const sessionWithUser = database.prepare(`
  SELECT sessions.id, generation, expires_at, revoked_at, user_id, username
  FROM sessions JOIN users ON users.id = user_id WHERE sessions.id = ?
`);
const rotate = database.prepare(`
  UPDATE sessions SET generation = generation + 1, refreshed_at = @now, expires_at = @expiresAt
  WHERE id = @id AND generation = @generation AND revoked_at IS NULL AND expires_at > @now RETURNING generation
`);

const signAccess = createSigner({ key: JWT_SECRET, algorithm: "HS256", expiresIn: ACCESS_SECONDS * 1000 });
const signRefresh = createSigner({ key: REFRESH_SECRET, algorithm: "HS256", expiresIn: REFRESH_SECONDS * 1000 });
const verifyAccess = createVerifier({
  key: JWT_SECRET,
  algorithms: ["HS256"],
  cache: 5_000,
  cacheKeyBuilder: (token) => token, // faster than a hash of the token, which is the default
});
const verifyRefresh = createVerifier({ key: REFRESH_SECRET, algorithms: ["HS256"] });

const remembered = new Map();

function remember(session) {
  remembered.set(session.id, session);
  if (remembered.size > REMEMBERED_SESSIONS) remembered.delete(remembered.keys().next().value);
}

function tokens(reply, { id: sid, user_id: sub, username }, generation) {
  const refreshToken = signRefresh({ sub, sid, generation });
  reply.header("set-cookie", `refreshToken=${refreshToken}; Max-Age=${REFRESH_SECONDS}; Path=/; HttpOnly; SameSite=Lax`);
  return { accessToken: signAccess({ sub, sid, username }), expiresIn: ACCESS_SECONDS };
}

function refuse(reply, status, message) {
  reply.code(status);
  return { message };
}

const now = () => Math.floor(Date.now() / 1000);
const isAlive = (session) => session !== undefined && session.revoked_at === null && session.expires_at > now();

const text = { type: "string" };
const message = { type: "object", properties: { message: text } };
const credentials = {
  type: "object",
  required: ["username", "password"],
  properties: { username: text, password: text },
};
const signedIn = { type: "object", properties: { accessToken: text, expiresIn: { type: "integer" } } };
const profile = { type: "object", properties: { username: text } };
const schema = (body, success) => ({ body, response: { "2xx": success, "4xx": message } });

const app = fastify();

app.post("/register", { schema: schema(credentials, message) }, async ({ body: { username, password } }, reply) => {
  const hash = await bcrypt.hash(password, Number(BCRYPT_ROUNDS));
  if (addUser.run(randomUUID(), username, hash).changes === 0) return refuse(reply, 409, "Username already taken");
  reply.code(201);
  return { message: "User registered successfully" };
});

app.post("/login", { schema: schema(credentials, signedIn) }, async ({ body: { username, password } }, reply) => {
  const user = userByName.get(username);
  if (!user || !(await bcrypt.compare(password, user.hash))) return refuse(reply, 401, "Invalid credentials");
  const session = { id: randomUUID(), user_id: user.id, username };
  addSession.run(session.id, user.id, now(), now() + REFRESH_SECONDS);
  return tokens(reply, session, 0);
});

app.get("/profile", { schema: schema(undefined, profile) }, (request, reply) => {
  const { authorization } = request.headers;
  let claims;
  try {
    claims = verifyAccess(authorization?.startsWith("Bearer ") ? authorization.slice(7) : "");
  } catch {
    return reply.code(401).send({ message: "Invalid token" });
  }
  let session = remembered.get(claims.sid);
  if (session === undefined) {
    session = sessionWithUser.get(claims.sid);
    if (session !== undefined) remember(session);
  }
  if (!isAlive(session)) return reply.code(401).send({ message: "Session has ended" });
  reply.send({ username: session.username });
});

app.post("/refresh", { schema: schema(undefined, signedIn) }, (request, reply) => {
  const token = /(?:^|; )refreshToken=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
  let claims;
  try {
    claims = verifyRefresh(token ?? "");
  } catch {
    return reply.code(401).send({ message: "Invalid refresh token" });
  }
  const session = sessionWithUser.get(claims.sid);
  const values = { id: claims.sid, generation: claims.generation, now: now(), expiresAt: now() + REFRESH_SECONDS };
  const rotated = isAlive(session) ? rotate.get(values) : undefined;
  if (rotated === undefined) return reply.code(401).send({ message: "Invalid refresh token" });
  remembered.delete(session.id); // it has another expiry now
  reply.send(tokens(reply, session, rotated.generation));
});

app.listen({ host: "127.0.0.1", port: Number(PORT) });
