// Checks the claims of a token whose signature is right (RFC 9068 §4), and names them.

import { ExpiredToken, InvalidToken } from "./errors.js";

const CLOCK_SKEW = 30;
const MAX_LIFETIME = 24 * 3600;

/** @typedef {import("../types/index.js").Claims} Claims */
/** @typedef {Record<string, unknown>} Raw */

/**
 * @param {Raw} raw
 * @param {{ issuer: string, audience: string, leeway: number, now: number }} expected
 * @returns {Claims}
 */
export function checkClaims(raw, { issuer, audience, leeway, now }) {
  if (raw.iss !== issuer) throw new InvalidToken("wrong_issuer");
  if (raw.aud !== audience && !(Array.isArray(raw.aud) && raw.aud.includes(audience))) throw new InvalidToken("wrong_audience");
  const claims = {
    sub: requiredText(raw, "sub"),
    username: text(raw, "username"),
    roles: texts(raw, "roles"),
    sessionId: text(raw, "sid"),
    clientId: text(raw, "client_id"),
    scope: text(raw, "scope")?.split(" ") ?? [],
    authTime: raw.auth_time === undefined ? null : moment(raw, "auth_time"),
    amr: texts(raw, "amr"),
    expiresAt: moment(raw, "exp"),
    issuedAt: moment(raw, "iat"),
    tokenId: requiredText(raw, "jti"),
    raw,
  };
  const notBefore = raw.nbf === undefined ? 0 : moment(raw, "nbf");
  if (Math.max(claims.issuedAt, notBefore) > now + CLOCK_SKEW) throw new InvalidToken("not_yet_valid");
  if (claims.expiresAt - claims.issuedAt > MAX_LIFETIME) throw new InvalidToken("lives_too_long");
  if (now >= claims.expiresAt + leeway) throw new ExpiredToken();
  return claims;
}

/**
 * Returns a NumericDate (RFC 7519 §2). Larger numbers are not exact.
 * @param {Raw} raw
 * @param {string} name
 */
function moment(raw, name) {
  const value = raw[name];
  if (typeof value !== "number" || Math.abs(value) > Number.MAX_SAFE_INTEGER) throw new InvalidToken("wrong_claims");
  return value;
}

/**
 * @param {Raw} raw
 * @param {string} name
 */
function requiredText(raw, name) {
  const value = raw[name];
  if (typeof value !== "string" || value === "") throw new InvalidToken("wrong_claims");
  return value;
}

/**
 * @param {Raw} raw
 * @param {string} name
 */
function text(raw, name) {
  return raw[name] === undefined ? null : requiredText(raw, name);
}

/**
 * @param {Raw} raw
 * @param {string} name
 * @returns {string[]}
 */
function texts(raw, name) {
  const value = raw[name] === undefined ? [] : raw[name];
  if (!Array.isArray(value) || value.some((each) => typeof each !== "string")) throw new InvalidToken("wrong_claims");
  return value;
}
