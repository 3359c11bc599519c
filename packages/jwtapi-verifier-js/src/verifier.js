import { setMaxListeners } from "node:events";
import { AuthVerify } from "./auth-verify.js";
import { checkClaims } from "./claims.js";
import { Clock } from "./clock.js";
import { checkSignature, kidOf, parsePayload, takeApart } from "./compact.js";
import { InvalidToken, Unavailable } from "./errors.js";
import { Feed } from "./feed.js";
import { KeySet } from "./key-set.js";
import { readOptions } from "./options.js";

/** Checks access tokens. Its background work does not keep the process alive. */
export class Verifier {
  #options;
  #clock;
  #keySet;
  #feed;
  #authVerify;
  #closing = new AbortController();

  /** @param {import("../types/index.js").VerifierOptions} options */
  constructor(options) {
    this.#options = readOptions(options);
    const { base: issuer, jwksUrl, clientId, clientSecret, cooldown, maxStale, logger } = this.#options;
    const warn = (/** @type {string} */ message) => logger.warn(`jwtapi-verifier: ${message}`);
    const { signal } = this.#closing;
    setMaxListeners(0, signal); // each request that runs listens
    const clock = (this.#clock = new Clock(this.#options.now));
    this.#keySet = new KeySet({ url: jwksUrl, clock, warn, signal, cooldown, maxStale });
    if (clientId && clientSecret) {
      const onKeyRevoked = () => void this.#keySet.refreshNow();
      this.#feed = new Feed({ issuer, clientId, clientSecret, clock, warn, signal, onKeyRevoked });
    }
    this.#authVerify = new AuthVerify({ issuer, clock, signal });
  }

  /** Whether the revocation feed is live. Always false without `clientId`. */
  get feedIsLive() {
    return this.#feed?.isLive ?? false;
  }

  /** Starts the background work now, instead of at the first `verify`. */
  start() {
    if (this.#closing.signal.aborted) return;
    this.#keySet.refresh();
    this.#feed?.start();
  }

  /** Ends the background work. After this, `verify` throws Unavailable. */
  close() {
    this.#closing.abort();
  }

  /**
   * Returns the claims of a valid access token.
   * @param {string} token
   * @returns {Promise<import("../types/index.js").Claims>}
   * @throws {InvalidToken} answer 401
   * @throws {Unavailable} answer 503
   */
  async verify(token) {
    if (this.#closing.signal.aborted) throw new Unavailable("closed");
    this.start();
    const parts = takeApart(token);
    const kid = kidOf(parts.header);
    // The key set has it no more, so do not look for it.
    if (this.#feed?.revocations.keys.has(kid)) throw new InvalidToken("key_revoked");
    await checkSignature(parts, await this.#keySet.find(kid));
    const claims = checkClaims(parsePayload(parts.payload), { ...this.#options, now: this.#clock.now() });
    if (this.#feed) await this.#checkRevocation(this.#feed, token, claims, kid);
    return claims;
  }

  /**
   * @param {Feed} feed
   * @param {string} token
   * @param {import("../types/index.js").Claims} claims
   * @param {string} kid
   */
  async #checkRevocation(feed, token, claims, kid) {
    await feed.started();
    const reason = feed.revocations.reasonToRefuse(claims, kid);
    if (reason) throw new InvalidToken(reason);
    if (feed.isLive || this.#options.onSilence === "accept") return;
    // /auth/verify knows users only, and would refuse the token of a service.
    if (this.#options.onSilence === "refuse" || claims.sessionId === null) throw new Unavailable("feed_silent");
    await this.#authVerify.check(token);
  }
}
