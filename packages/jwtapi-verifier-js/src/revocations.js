// What the feed has stated so far: sessions, users, clients and keys whose tokens are refused. In memory, and bounded.

import { isDeepStrictEqual } from "node:util";

const SWEEP_SECONDS = 30;
export const MAX_ENTRIES = 200_000;

/** @typedef {{ until: number }} Entry */
/** @typedef {Entry & { active: boolean, username?: string, roles?: string[], claims?: Record<string, unknown> }} User */
/** @typedef {import("../types/index.js").Claims} Claims */

/** More is revoked than a verifier keeps. */
export class TooManyEntries extends Error {}

/** The lists of an answer, and the member that identifies an entry of each. */
const LISTS = /** @type {const} */ ([
  ["sessions", "sid"],
  ["users", "sub"],
  ["clients", "client_id"],
  ["keys", "kid"],
]);

export class Revocations {
  /** @type {Map<string, Entry>} */
  sessions = new Map();
  /** @type {Map<string, User>} */
  users = new Map();
  /** @type {Map<string, Entry>} */
  clients = new Map();
  /** @type {Map<string, Entry>} */
  keys;
  #sweptAt = -Infinity;
  #forgottenUntil = -Infinity;

  /**
   * Keys stay permanently: somebody who has a private key can make tokens that expire later, and the key set that still
   * has the key may be a cached one.
   * @param {Iterable<[string, Entry]>} [keys]
   */
  constructor(keys = []) {
    this.keys = new Map(keys);
  }

  get size() {
    return LISTS.reduce((sum, [list]) => sum + this[list].size, 0);
  }

  /**
   * Whether no entry was dropped that concerns a token of now. The clock may have been set back.
   * @param {number} now
   */
  isComplete(now) {
    return now >= this.#forgottenUntil;
  }

  /**
   * Adds the entries of an answer. A later entry replaces an earlier one.
   * @param {Record<string, unknown>} answer
   * @param {number} now
   * @throws {TooManyEntries}
   * @throws {TypeError} an entry has another form
   */
  add(answer, now) {
    for (const [list, name] of LISTS) {
      for (const entry of /** @type {Record<string, any>[]} */ (answer[list])) {
        if (typeof entry[name] !== "string" || typeof entry.until !== "number") throw new TypeError(`an entry of ${list}`);
        if (list === "users") this.users.set(entry.sub, readUser(entry));
        else this[list].set(entry[name], { until: entry.until });
        if (this.size > MAX_ENTRIES) this.#sweep(now);
        if (this.size > MAX_ENTRIES) throw new TooManyEntries(`more than ${MAX_ENTRIES} revocations`);
      }
    }
    if (Math.abs(now - this.#sweptAt) >= SWEEP_SECONDS) this.#sweep(now);
  }

  /** @param {number} now */
  #sweep(now) {
    this.#sweptAt = now;
    for (const [list] of LISTS) {
      if (list === "keys") continue;
      for (const [id, { until }] of this[list]) {
        if (until > now) continue;
        this[list].delete(id);
        this.#forgottenUntil = Math.max(this.#forgottenUntil, until);
      }
    }
  }

  /**
   * Returns why a token is refused, or undefined.
   * @param {Claims} claims
   * @param {string} kid
   */
  reasonToRefuse(claims, kid) {
    const { sub, sessionId, clientId } = claims;
    if (this.keys.has(kid)) return "key_revoked";
    if (sessionId !== null && this.sessions.has(sessionId)) return "session_ended";
    if (sub === clientId && this.clients.has(sub)) return "client_deleted";
    const user = this.users.get(sub);
    if (user && !isCurrent(claims, user)) return "user_changed";
    return undefined;
  }
}

/**
 * @param {Record<string, any>} entry
 * @returns {User}
 */
function readUser({ active, username, roles, claims = {}, until }) {
  if (active === false) return { active, until };
  const isObject = typeof claims === "object" && claims !== null;
  if (active !== true || typeof username !== "string" || !Array.isArray(roles) || !isObject) throw new TypeError("an entry of users");
  return { active, username, roles, claims, until };
}

/**
 * @param {Claims} claims
 * @param {User} user
 */
function isCurrent({ username, roles, raw }, user) {
  const current = new Set(user.roles);
  const hasRoles = new Set(roles).size === current.size && roles.every((role) => current.has(role));
  // A token without the claim is from before jwtapi had any for it.
  const hasClaims = Object.entries(user.claims ?? {}).every(([name, value]) => !Object.hasOwn(raw, name) || isDeepStrictEqual(raw[name], value));
  return user.active && username === user.username && hasRoles && hasClaims;
}
