// The access token of this service itself (RFC 6749 §4.4).

import { send } from "./http.js";

const TIMEOUT = 5;
const MAX_BYTES = 64 * 1024;

/** @typedef {import("./clock.js").Moment} Moment */

export class ClientToken {
  #url;
  #authorization;
  #clock;
  #signal;
  /** @type {{ token: string, expiresIn: number, at: Moment } | undefined} */
  #current;

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {string} options.clientId
   * @param {string} options.clientSecret
   * @param {import("./clock.js").Clock} options.clock
   * @param {AbortSignal} options.signal
   */
  constructor({ url, clientId, clientSecret, clock, signal }) {
    this.#url = url;
    const credentials = [clientId, clientSecret].map(encodeURIComponent).join(":");
    this.#authorization = `Basic ${Buffer.from(credentials).toString("base64")}`;
    this.#clock = clock;
    this.#signal = signal;
  }

  async get() {
    if (!this.#current || this.#clock.since(this.#current.at) >= this.#current.expiresIn * 0.8) {
      this.#current = await this.#request();
    }
    return this.#current.token;
  }

  /** Makes the next `get` request another token. */
  forget() {
    this.#current = undefined;
  }

  async #request() {
    const at = this.#clock.moment();
    const { status, body } = await send(this.#url, {
      method: "POST",
      headers: { Authorization: this.#authorization, "Content-Type": "application/x-www-form-urlencoded" },
      body: "grant_type=client_credentials&scope=revocations",
      timeout: TIMEOUT,
      maxBytes: MAX_BYTES,
      signal: this.#signal,
    });
    if (status !== 200) throw new Error(`${this.#url} answered ${status}`);
    const { access_token: token, expires_in: expiresIn } = JSON.parse(body.toString());
    if (typeof token !== "string" || typeof expiresIn !== "number") throw new Error(`${this.#url} gave no token`);
    return { token, expiresIn, at };
  }
}
