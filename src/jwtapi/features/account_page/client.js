// @ts-check
/**
 * The client of jwtapi for browser apps. Import it from the server, or copy it into the app:
 *
 *     import { Client } from "https://auth.example.com/account/client.js";
 *     const client = new Client();
 *     if (!(await client.refresh())) showSignInForm();
 *
 * The access token is only in the memory of the page. The refresh token is in a cookie that no script can read. When
 * the app is open in several tabs, one tab refreshes for all of them, and a sign-out in one is heard by all.
 *
 * @module
 */

const TIMEOUT = 30_000;
/** How many seconds of Retry-After the client waits for by itself. Longer waits are the app's decision. */
const PATIENCE = 5;
const TRIES = 3;
/** The session has ended, or there was none. Every other failure of a refresh leaves open whether it lives. */
const SIGNED_OUT = ["refresh_token_required", "refresh_token_invalid"];

/** A request that failed. The codes are those of the server (docs/errors.md) and the two below. */
export class ApiError extends Error {
  /** No answer arrived: the network failed, or 30 seconds were over. The server may have done what was asked. */
  static NO_ANSWER = "no_answer";
  /** An answer that is not one of jwtapi, such as the HTML page of a proxy. */
  static FOREIGN_ANSWER = "foreign_answer";

  /**
   * @param {string} code
   * @param {string} message
   * @param {{ status?: number, retryAfter?: number | null, fields?: Record<string, string>, cause?: unknown }} [details]
   */
  constructor(code, message, { status = 0, retryAfter = null, fields = {}, cause } = {}) {
    super(message, { cause });
    this.name = "ApiError";
    /** For programs. A code never changes. */
    this.code = code;
    /** The status of HTTP; 0 if no answer arrived. */
    this.status = status;
    /** Seconds after which the same request can succeed, or null. */
    this.retryAfter = retryAfter;
    /** A message for each wrong field, by its name in the request. */
    this.fields = fields;
  }

  /**
   * Read the answer to a request that failed.
   *
   * @param {Response} answer
   */
  static async of(answer) {
    const seconds = Number(answer.headers.get("Retry-After") ?? NaN);
    const details = { status: answer.status, retryAfter: Number.isFinite(seconds) ? seconds : null };
    const body = await answer.json().catch(() => null);
    if (typeof body?.code !== "string") {
      return new ApiError(ApiError.FOREIGN_ANSWER, `The server answered ${answer.status}`, details);
    }
    /** @type {Record<string, string>} */ const fields = {};
    for (const { field, message } of body.errors ?? []) fields[field] ??= message;
    return new ApiError(body.code, body.message, { ...details, fields });
  }
}

/**
 * @typedef {object} Options
 * @property {string | URL} [baseUrl] Where jwtapi is, such as `https://auth.example.com`. Without it, the server that
 *   this module was loaded from. A copy of the module needs it.
 * @property {(problem: ApiError | null) => Promise<string | null>} [askPassword] Asks for the password before a change
 *   that needs a recent sign-in. `problem` is what was wrong with the password before. null gives up.
 */

/** @typedef {"signed-in" | "refreshed" | "signed-out"} News */

/**
 * Signs in and out, keeps the access token, and sends requests with it. Its events are `signed-in`, `refreshed` and
 * `signed-out`. Every tab gets them, and `event.detail.elsewhere` is true in those that only heard of it.
 */
export class Client extends EventTarget {
  /** @type {string} */ #base;
  /** @type {string | null} */ #token = null;
  /** @type {Promise<boolean> | null} */ #refreshing = null;
  /** @type {Promise<boolean> | null} */ #stepping = null;
  #askPassword;
  #name;
  #tabs;

  /** @param {Options} [options] */
  constructor({ baseUrl = new URL("..", import.meta.url), askPassword = async () => null } = {}) {
    super();
    this.#base = new URL(baseUrl, location.href).href.replace(/\/+$/, "");
    this.#askPassword = askPassword;
    this.#name = `jwtapi ${this.#base}`;
    this.#tabs = "BroadcastChannel" in globalThis ? new BroadcastChannel(this.#name) : null;
    this.#tabs?.addEventListener("message", ({ data }) => this.#hear(data));
  }

  /** Whether there is an access token. It may have expired: `refresh` and every request find out. */
  get signedIn() {
    return this.#token !== null;
  }

  /**
   * Create an account. Nobody is signed in yet: call `signIn` next.
   *
   * @param {string} username
   * @param {string} password
   * @param {{ email?: string, invitation?: string }} [more]
   */
  register(username, password, more = {}) {
    return this.#post("/register", { username, password, ...more });
  }

  /**
   * @param {string} username A user name, or an e-mail address that was verified.
   * @param {string} password
   * @returns {Promise<void>} Rejects with an ApiError.
   */
  signIn(username, password) {
    return this.#alone(async () => this.#keep(await this.#post("/login", { username, password }), "signed-in"));
  }

  /**
   * End this session, or all sessions of the user. If it rejects, the user is still signed in: try again.
   *
   * @param {{ everywhere?: boolean }} [options]
   * @returns {Promise<void>}
   */
  signOut({ everywhere = false } = {}) {
    const path = everywhere ? "/logout?everywhere=true" : "/logout";
    return this.#alone(async () => {
      await answered(() => this.#send("POST", this.#url(path)));
      this.#keep(null, "signed-out");
    });
  }

  /**
   * Get a new access token by the cookie. Call it once when the page loads; `fetch` and `request` call it when they
   * have to. A lost answer is asked for again: the server then gives the same one.
   *
   * @returns {Promise<boolean>} Whether somebody is signed in. Rejects with an ApiError where that is unknown.
   */
  refresh() {
    return this.#renew(this.#token);
  }

  /**
   * Prove that the user is still there: the session counts as just signed in for ten minutes.
   *
   * @param {string} password
   * @returns {Promise<void>} Rejects with an ApiError; its code is `wrong_password` for a wrong one.
   */
  async reauthenticate(password) {
    const prove = () =>
      this.#alone(async () => {
        const answer = await answered(() => this.#send("POST", this.#url("/api/reauthenticate"), { password }));
        this.#keep(answer, "refreshed");
      });
    try {
      await prove();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401 || !(await this.refresh())) throw error;
      await prove(); // the access token had expired
    }
  }

  /**
   * Send a request and read the answer, which is null if it has no body. GET is repeated if the answer is lost, or if
   * the server asks for a short pause.
   *
   * @param {string} method
   * @param {string} path As documented, such as `/api/account`.
   * @param {unknown} [body] Becomes JSON.
   * @returns {Promise<any>} Rejects with an ApiError.
   */
  request(method, path, body) {
    const url = this.#url(path);
    const send = () => answered(() => this.#authorized(() => this.#send(method, url, body)));
    return method === "GET" ? persistently(send) : send();
  }

  /**
   * As the global `fetch`, with the access token. When the server refuses the token, the client refreshes and sends the
   * request once more. When the server wants a recent sign-in, it asks for the password and sends it once more.
   *
   * A path is one of jwtapi. For another service that accepts the tokens, give a Request or a URL. Never give one that
   * leads to a service that you do not trust, because it gets the token.
   *
   * @param {string | URL | Request} target
   * @param {RequestInit} [options]
   */
  async fetch(target, options) {
    const request =
      typeof target === "string"
        ? new Request(this.#url(target), { credentials: "include", ...options })
        : new Request(target, options);
    return this.#authorized(() => fetch(this.#signed(request.clone())));
  }

  /**
   * Send a request that has the access token, and after a refusal, once more.
   *
   * @param {() => Promise<Response>} send
   */
  async #authorized(send) {
    const used = this.#token;
    let answer = await send();
    if (answer.status === 401 && !wantsPassword(answer) && (await this.#renew(used))) answer = await send();
    if (wantsPassword(answer) && (await this.#stepUp())) answer = await send();
    return answer;
  }

  /**
   * Send one request with the access token.
   *
   * @param {string} method
   * @param {string} url
   * @param {unknown} [body]
   */
  #send(method, url, body) {
    return fetch(this.#signed(new Request(url, json(method, body))));
  }

  /**
   * Send one request that needs no access token, and read the answer.
   *
   * @param {string} path
   * @param {unknown} [body]
   */
  #post(path, body) {
    return answered(() => fetch(this.#url(path), json("POST", body)));
  }

  /** @param {string} path */
  #url(path) {
    if (!path.startsWith("/")) throw new TypeError("A path begins with /");
    return this.#base + path;
  }

  /** @param {Request} request */
  #signed(request) {
    if (this.#token !== null) request.headers.set("Authorization", `Bearer ${this.#token}`);
    return request;
  }

  /**
   * Replace the access token `used`, unless another call or another tab has already done it.
   *
   * @param {string | null} used
   */
  #renew(used) {
    this.#refreshing ??= this.#alone(async () => {
      if (this.#token !== used) return this.signedIn;
      try {
        this.#keep(await persistently(() => this.#post("/refresh")), "refreshed");
      } catch (error) {
        if (!(error instanceof ApiError && SIGNED_OUT.includes(error.code))) throw error;
        if (this.signedIn) this.#keep(null, "signed-out");
      }
      return this.signedIn;
    }).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** Ask for the password until it is right. False: the user gave up. However many requests wait, one question. */
  #stepUp() {
    this.#stepping ??= (async () => {
      /** @type {ApiError | null} */ let problem = null;
      for (;;) {
        const password = await this.#askPassword(problem);
        if (password === null) return false;
        try {
          await this.reauthenticate(password);
          return true;
        } catch (error) {
          if (!(error instanceof ApiError) || !this.signedIn) throw error;
          problem = error;
        }
      }
    })().finally(() => {
      this.#stepping = null;
    });
    return this.#stepping;
  }

  /**
   * Run a task in one tab at a time. A page over plain http has no locks, and then each tab refreshes for itself, which
   * the server tolerates.
   *
   * @template T
   * @param {() => Promise<T>} task
   * @returns {Promise<T>}
   */
  async #alone(task) {
    if (!navigator.locks) return task();
    return navigator.locks.request(this.#name, async () => {
      await this.#caughtUp();
      return task();
    });
  }

  /**
   * Wait for what other tabs said before this one got the lock: messages arrive in their order, so all of them are here
   * when a message of our own is back.
   */
  #caughtUp() {
    if (!this.#tabs) return;
    const tabs = this.#tabs;
    return new Promise((resolve) => {
      const own = Math.random();
      const voice = new BroadcastChannel(this.#name); // no channel hears itself
      const listen = (/** @type {MessageEvent} */ { data }) => data.caughtUp === own && done();
      const done = () => {
        tabs.removeEventListener("message", listen);
        voice.close();
        resolve(null);
      };
      tabs.addEventListener("message", listen);
      voice.postMessage({ caughtUp: own });
      setTimeout(done, 500); // a refresh too many is better than none
    });
  }

  /**
   * @param {{ accessToken: string } | null} answer
   * @param {News} news
   */
  #keep(answer, news) {
    this.#token = answer?.accessToken ?? null;
    this.#tabs?.postMessage({ token: this.#token, news });
    this.#tell(news, false);
  }

  /** @param {{ token: string | null, news?: News }} message */
  #hear({ token, news }) {
    if (news === undefined) return; // of #caughtUp
    this.#token = token;
    this.#tell(news, true);
  }

  /**
   * @param {News} news
   * @param {boolean} elsewhere
   */
  #tell(news, elsewhere) {
    this.dispatchEvent(new CustomEvent(news, { detail: { elsewhere } }));
  }
}

/**
 * The options of a request to jwtapi. The browser sends the cookies to another origin too, and stores them. Without the
 * time-out, other tabs could wait forever for the lock.
 *
 * @param {string} method
 * @param {unknown} body
 * @returns {RequestInit}
 */
function json(method, body) {
  return {
    method,
    headers: body === undefined ? [] : [["Content-Type", "application/json"]],
    body: JSON.stringify(body),
    credentials: "include",
    signal: AbortSignal.timeout(TIMEOUT),
  };
}

/**
 * Return the body of the answer, or throw an ApiError.
 *
 * @param {() => Promise<Response>} send
 * @returns {Promise<any>}
 */
async function answered(send) {
  try {
    const answer = await send();
    if (!answer.ok) throw await ApiError.of(answer);
    const text = await answer.text();
    return text ? JSON.parse(text) : null;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (error instanceof SyntaxError) {
      throw new ApiError(ApiError.FOREIGN_ANSWER, "The server's answer is not JSON", { cause: error });
    }
    throw new ApiError(ApiError.NO_ANSWER, "The server did not answer", { cause: error });
  }
}

/**
 * Send again what may be sent again: after a lost answer, and after a pause that the server asks for.
 *
 * @template T
 * @param {() => Promise<T>} send
 * @returns {Promise<T>}
 */
async function persistently(send) {
  for (let tried = 1; ; tried++) {
    try {
      return await send();
    } catch (error) {
      const wait = error instanceof ApiError ? pauseAfter(error) : null;
      if (wait === null || tried === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }
}

/**
 * How many seconds to wait before the request is sent again. null: do not send it again.
 *
 * @param {ApiError} error
 */
function pauseAfter({ code, status, retryAfter, cause }) {
  const timedOut = cause instanceof DOMException && cause.name === "TimeoutError";
  if (code === ApiError.NO_ANSWER) return navigator.onLine && !timedOut ? 0.3 : null;
  if (status !== 429 && status !== 503) return null;
  return retryAfter !== null && retryAfter <= PATIENCE ? retryAfter : null;
}

/** @param {Response} answer */
function wantsPassword(answer) {
  const challenge = answer.headers.get("WWW-Authenticate") ?? "";
  return answer.status === 401 && challenge.includes('error="insufficient_user_authentication"');
}
