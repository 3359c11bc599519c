// Follows GET /revocations, so that a logout is known here without a request for each token.

import { ClientToken } from "./client-token.js";
import { send } from "./http.js";
import { Revocations, TooManyEntries } from "./revocations.js";
import { pause, waitFor } from "./waiting.js";

const WAIT = 2;
const SILENCE = 5;
const TIMEOUT = 30;
const MAX_BYTES = 32 * 1024 * 1024;
const BACKOFF = { first: 0.25, most: 5, tooMany: 60 };
/** Seconds between two requests, so that a burst of logouts comes in few answers. */
const SPACING = 0.05;

/** Characters of the longest cursor that is sent back. Those of jwtapi are shorter. */
const MAX_CURSOR = 4096;

/** @param {unknown} value @returns {value is string} */
const isCursor = (value) => typeof value === "string" && value.length <= MAX_CURSOR && value.isWellFormed();

/** @typedef {import("./clock.js").Moment} Moment */

export class Feed {
  #url;
  #token;
  #clock;
  #warn;
  #signal;
  #onKeyRevoked;

  /** @type {string | undefined} */
  #cursor;
  /** @type {Moment | undefined} the last complete answer that was not old when it came */
  #answeredAt;
  /** @type {Promise<unknown> | undefined} the first answer, or 5 seconds without one */
  #started;
  #starting = true;
  #failures = 0;

  revocations = new Revocations();

  /**
   * @param {object} options
   * @param {string} options.issuer
   * @param {string} options.clientId
   * @param {string} options.clientSecret
   * @param {import("./clock.js").Clock} options.clock
   * @param {(message: string) => void} options.warn
   * @param {AbortSignal} options.signal
   * @param {() => void} options.onKeyRevoked
   */
  constructor({ issuer, clientId, clientSecret, clock, warn, signal, onKeyRevoked }) {
    this.#url = `${issuer}/revocations?wait=${WAIT}`;
    this.#token = new ClientToken({ url: `${issuer}/token`, clientId, clientSecret, clock, signal });
    this.#clock = clock;
    this.#warn = warn;
    this.#signal = signal;
    this.#onKeyRevoked = onKeyRevoked;
  }

  /** Whether all that was revoked until a moment ago is known. */
  get isLive() {
    if (!this.#answeredAt || this.#signal.aborted) return false;
    return this.#clock.since(this.#answeredAt) <= SILENCE && this.revocations.isComplete(this.#clock.now());
  }

  start() {
    if (this.#started) return;
    const first = new Promise((resolve) => this.#run(resolve));
    this.#started = Promise.race([first, pause(SILENCE, this.#signal)]).then(() => (this.#starting = false));
  }

  /** Waits for the first answer, for 5 seconds at most. */
  async started() {
    if (this.#starting && this.#started) await waitFor(this.#started);
  }

  /** @param {(value?: unknown) => void} onAnswer */
  async #run(onAnswer) {
    while (!this.#signal.aborted) {
      const begun = this.#clock.moment();
      try {
        await this.#poll(begun);
        if (this.#failures > 0) this.#warn("the revocation feed is live again");
        this.#failures = 0;
        onAnswer();
        await pause(SPACING - this.#clock.since(begun), this.#signal);
      } catch (error) {
        if (this.#signal.aborted) return;
        if (this.#failures === 0) this.#warn(`the revocation feed failed: ${/** @type {Error} */ (error).message}`);
        await pause(this.#nextDelay(error), this.#signal);
      }
    }
  }

  /** @param {unknown} error */
  #nextDelay(error) {
    const failures = this.#failures++;
    if (error instanceof TooManyEntries) return BACKOFF.tooMany;
    return failures === 0 ? 0 : Math.min(BACKOFF.first * 2 ** (failures - 1), BACKOFF.most);
  }

  /** @param {Moment} begun */
  async #poll(begun) {
    if (!this.revocations.isComplete(this.#clock.now())) this.#cursor = undefined;
    const cursor = this.#cursor;
    const { status, body } = await send(this.#url + (cursor ? `&after=${encodeURIComponent(cursor)}` : ""), {
      headers: { Authorization: `Bearer ${await this.#token.get()}` },
      timeout: TIMEOUT,
      silence: SILENCE,
      maxBytes: MAX_BYTES,
      signal: this.#signal,
    });
    if (status === 401 || status === 403) this.#token.forget();
    if (status !== 200) throw new Error(`status ${status}`);
    const answer = JSON.parse(body.toString());
    if (!isCursor(answer.cursor) || typeof answer.reset !== "boolean") throw new TypeError("another form of answer");
    if (!cursor && !answer.reset) throw new TypeError("the first answer is not complete");
    this.#apply(answer);
    // An answer states what was true when its request arrived. Perhaps the process was stopped since then.
    if (this.#clock.since(begun) <= SILENCE) this.#answeredAt = this.#clock.moment();
  }

  /** @param {{ cursor: string, reset: boolean, keys: unknown }} answer */
  #apply({ cursor, reset, ...lists }) {
    const revocations = reset ? new Revocations(this.revocations.keys) : this.revocations;
    try {
      revocations.add(lists, this.#clock.now());
    } catch (error) {
      this.#answeredAt = undefined; // what it states is not known, and its cursor is not kept
      throw error;
    }
    this.revocations = revocations;
    this.#cursor = cursor;
    if (/** @type {unknown[]} */ (lists.keys).length > 0) this.#onKeyRevoked();
  }
}
