// Asks jwtapi about a token: GET /auth/verify.

import { InvalidToken, Unavailable } from "./errors.js";
import { send } from "./http.js";
import { waitFor } from "./waiting.js";

const TIMEOUT = 2;
const MAX_BYTES = 64 * 1024;
const MAX_CONCURRENT = 32;

export class AuthVerify {
  #url;
  #clock;
  #signal;
  #running = 0;
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * @param {object} options
   * @param {string} options.issuer
   * @param {import("./clock.js").Clock} options.clock
   * @param {AbortSignal} options.signal
   */
  constructor({ issuer, clock, signal }) {
    this.#url = `${issuer}/auth/verify`;
    this.#clock = clock;
    this.#signal = signal;
  }

  /**
   * @param {string} token
   * @throws {InvalidToken} jwtapi refuses the token
   * @throws {Unavailable} jwtapi did not answer in 2 seconds
   */
  async check(token) {
    const begun = this.#clock.moment();
    while (this.#running >= MAX_CONCURRENT) await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
    this.#running += 1;
    try {
      const status = await waitFor(this.#ask(token, TIMEOUT - this.#clock.since(begun)));
      if (status === 401) throw new InvalidToken("refused_by_issuer");
      if (status < 200 || status > 299) throw new Unavailable("ask_failed");
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  /**
   * @param {string} token
   * @param {number} timeout
   */
  async #ask(token, timeout) {
    if (timeout <= 0) throw new Unavailable("ask_failed");
    try {
      const headers = { Authorization: `Bearer ${token}` };
      return (await send(this.#url, { headers, timeout, maxBytes: MAX_BYTES, signal: this.#signal })).status;
    } catch {
      throw new Unavailable("ask_failed");
    }
  }
}
