// The keys of the issuer: fetches them in the background, and once more for a kid that is not known.

import { InvalidToken, Unavailable } from "./errors.js";
import { send } from "./http.js";
import { readKeySet } from "./keys.js";
import { waitFor } from "./waiting.js";

const TIMEOUT = 5;
const MAX_BYTES = 256 * 1024;
const DEFAULT_MAX_AGE = 300;
const REFRESH = { least: 60, most: 3600 };
const MAX_BACKOFF = 60;
const UNKNOWN_KIDS = { most: 1000, seconds: 300 };

/** @typedef {import("./keys.js").Key} Key */
/** @typedef {import("./clock.js").Moment} Moment */

export class KeySet {
  #url;
  #clock;
  #warn;
  #signal;
  #cooldown;
  #maxStale;

  /** @type {Map<string, Key>} */
  #keys = new Map();
  /** @type {Moment | undefined} */
  #fetchedAt;
  /** @type {Moment | undefined} */
  #triedAt;
  #failures = 0;
  /** Seconds from `#triedAt` to the next fetch. */
  #delay = 0;
  /** @type {Promise<void> | undefined} */
  #fetching;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** @type {Moment | undefined} the last fetch because of an unknown kid */
  #askedAt;
  /** @type {Map<string, Moment>} kids that a fetch did not find, the oldest first */
  #unknown = new Map();

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {import("./clock.js").Clock} options.clock
   * @param {(message: string) => void} options.warn
   * @param {AbortSignal} options.signal
   * @param {number} options.cooldown
   * @param {number} options.maxStale
   */
  constructor({ url, clock, warn, signal, cooldown, maxStale }) {
    this.#url = url;
    this.#clock = clock;
    this.#warn = warn;
    this.#signal = signal;
    this.#cooldown = cooldown;
    this.#maxStale = maxStale;
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** Starts a fetch in the background if it is time for one. */
  refresh() {
    if (!this.#triedAt || this.#clock.since(this.#triedAt) >= this.#delay) this.#fetch();
  }

  /** Fetches the key set in the background, because a key of it was revoked: another key signs now. */
  async refreshNow() {
    await this.#fetching; // it may have read the key set before
    if (!this.#signal.aborted) this.#fetch();
  }

  /**
   * Returns the key at once if it is known, whatever happens to the key set meanwhile.
   * @param {string} kid
   * @returns {Promise<Key>}
   */
  async find(kid) {
    this.refresh();
    if (!this.#usable()) {
      if (this.#fetching) await waitFor(this.#fetching);
      if (!this.#usable()) throw new Unavailable("no_keys");
    }
    return this.#keys.get(kid) ?? this.#findUnknown(kid);
  }

  /**
   * @param {string} kid
   * @returns {Promise<Key>}
   */
  async #findUnknown(kid) {
    // A fetch that has started before now may have read the key set before the key was in it.
    if (this.#fetching) await waitFor(this.#fetching);
    const asks = !this.#keys.has(kid) && this.#mayAskFor(kid);
    if (asks) this.#askedAt = this.#fetch();
    if (this.#fetching) await waitFor(this.#fetching);

    const key = this.#keys.get(kid);
    if (key) return key;
    if (this.#failures > 0) throw new Unavailable("unknown_key"); // it may be a new one
    if (asks) this.#remember(kid);
    throw new InvalidToken("unknown_key");
  }

  /** @param {string} kid */
  #mayAskFor(kid) {
    const notFoundAt = this.#unknown.get(kid);
    if (notFoundAt && this.#clock.since(notFoundAt) < UNKNOWN_KIDS.seconds) return false;
    return !this.#askedAt || this.#clock.since(this.#askedAt) >= this.#cooldown;
  }

  /** @param {string} kid */
  #remember(kid) {
    this.#unknown.delete(kid); // so that it becomes the newest
    this.#unknown.set(kid, this.#clock.moment());
    if (this.#unknown.size > UNKNOWN_KIDS.most) {
      const [oldest] = this.#unknown.keys();
      this.#unknown.delete(oldest);
    }
  }

  #usable() {
    return this.#fetchedAt !== undefined && this.#clock.since(this.#fetchedAt) <= this.#maxStale;
  }

  /** Starts a fetch, unless one is running. Returns when it was started. */
  #fetch() {
    if (!this.#fetching) {
      this.#triedAt = this.#clock.moment();
      this.#fetching = this.#fetchAndSchedule().finally(() => (this.#fetching = undefined));
    }
    return /** @type {Moment} */ (this.#triedAt);
  }

  async #fetchAndSchedule() {
    try {
      this.#delay = await this.#replaceKeys();
      if (this.#failures > 0) this.#warn("the key set is fetched again");
      this.#failures = 0;
    } catch (error) {
      this.#delay = Math.min(2 ** this.#failures, MAX_BACKOFF);
      this.#failures += 1;
      if (this.#failures === 1 && !this.#signal.aborted) this.#warn(`the key set was not fetched from ${this.#url}: ${/** @type {Error} */ (error).message}`);
    }
    clearTimeout(this.#timer);
    if (!this.#signal.aborted) this.#timer = setTimeout(() => this.refresh(), this.#delay * 1000).unref();
  }

  /** Returns the seconds until the next fetch. */
  async #replaceKeys() {
    const signal = this.#signal;
    const { status, headers, body } = await send(this.#url, { timeout: TIMEOUT, maxBytes: MAX_BYTES, signal });
    if (status !== 200) throw new Error(`status ${status}`);
    this.#keys = await readKeySet(body, this.#warn);
    this.#fetchedAt = this.#triedAt;
    const maxAge = /(?:^|[\s,])max-age="?(\d{1,9})/i.exec(headers["cache-control"] ?? "")?.[1] ?? DEFAULT_MAX_AGE;
    return Math.min(Math.max(Number(maxAge) / 2, REFRESH.least), REFRESH.most);
  }
}
