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
/** How long a message may take from one tab to another, in milliseconds: a busy computer can be slow. */
const DELIVERY = 5_000;
/** How many seconds of Retry-After the client waits for by itself. Longer waits are the app's decision. */
const PATIENCE = 5;
const TRIES = 3;
/** The session has ended, or there was none. Every other failure of a refresh leaves open whether it lives. */
const SIGNED_OUT = ["refresh_token_required", "refresh_token_invalid"];
/** A new access token may help. Every other 401 is about what else was sent, such as a code. */
const TOKEN_REFUSED = ["access_token_required", "token_expired", "token_invalid"];
/** How long passkeys are offered in the autofill with one challenge. The server accepts it for 5 minutes. */
const OFFER = 4 * 60_000;
/** Why an offer stops, and goes on with a new challenge. */
const RENEWAL = new DOMException("The offer begins again", "AbortError");

/** A request or a ceremony that failed. The codes are those of the server (docs/errors.md) and those below. */
export class ApiError extends Error {
  /** No answer arrived: the network failed, or 30 seconds were over. The server may have done what was asked. */
  static NO_ANSWER = "no_answer";
  /** An answer that is not one of jwtapi, such as the HTML page of a proxy. */
  static FOREIGN_ANSWER = "foreign_answer";
  /** The user has cancelled, took too long, or has no passkey. Browsers do not tell which. */
  static PASSKEY_CANCELLED = "passkey_cancelled";
  /** This browser has no passkeys, or none at this address. */
  static PASSKEY_UNSUPPORTED = "passkey_unsupported";
  /** The device already has a passkey of this account. */
  static PASSKEY_EXISTS = "passkey_exists";

  /** @type {string | null} */ #ticket;

  /**
   * @param {string} code
   * @param {string} message
   * @param {object} [details]
   * @param {number} [details.status]
   * @param {number | null} [details.retryAfter]
   * @param {Record<string, string>} [details.fields]
   * @param {string | null} [details.ticket]
   * @param {Method[]} [details.methods]
   * @param {unknown} [details.cause]
   */
  constructor(code, message, { status = 0, retryAfter = null, fields = {}, ticket = null, methods = [], cause } = {}) {
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
    /** With what the user can answer `mfa_required`. */
    this.methods = methods;
    this.#ticket = ticket;
  }

  /** For `completeSignIn`, `beginEnrolment` and `reauthenticate`. It is not enumerable, so that no log contains it. */
  get ticket() {
    return this.#ticket;
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
    const { code, message, ticket, methods } = body;
    return new ApiError(code, message, { ...details, fields, ticket, methods });
  }
}

/** @typedef {"totp" | "recovery_code" | "passkey"} Method A second factor. */

/**
 * @typedef {object} Answer
 * @property {Method} method
 * @property {string} [code] Not for a passkey: the client asks the browser for it.
 * @property {boolean} [remember] Ask for no second factor on this device for some time. It counts at sign-in only.
 */

/** @typedef {Answer & { ticket: string }} Completion The answer, and the ticket of the ApiError that asked for it. */

/**
 * @typedef {object} Question
 * @property {Method[]} methods With what the user can answer.
 * @property {ApiError | null} problem What was wrong with the answer before.
 * @property {boolean} signingIn False: the user is signed in, and proves it again.
 */

/** @typedef {{ method: "passkey" }} ByPasskey */

/**
 * @typedef {object} Passkey
 * @property {string} id
 * @property {string} name
 * @property {string} createdAt
 * @property {string | null} lastUsedAt
 * @property {boolean} backedUp
 * @property {string | null} authenticator
 * @property {string} rpId
 * @property {string} credentialId
 */

/**
 * @typedef {object} Options
 * @property {string | URL} [baseUrl] Where jwtapi is, such as `https://auth.example.com`. Without it, the server that
 *   this module was loaded from. A copy of the module needs it.
 * @property {(problem: ApiError | null) => Promise<string | ByPasskey | null>} [askPassword] Asks for the password
 *   before a change that needs a recent sign-in, and may let the user choose a passkey instead. `problem` is what was
 *   wrong with the previous proof. null gives up.
 * @property {(question: Question) => Promise<Answer | null>} [askSecondFactor] Asks for a second factor, after the
 *   password of a user who has one. null gives up.
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
  /** @type {AbortController | null} */ #offer = null;
  /** @type {Promise<unknown> | null} */ #ceremony = null;
  #askPassword;
  #askSecondFactor;
  #name;
  #tabs;

  /** @param {Options} [options] */
  constructor({
    baseUrl = new URL("..", import.meta.url),
    askPassword = async () => null,
    askSecondFactor = async () => null,
  } = {}) {
    super();
    this.#base = new URL(baseUrl, location.href).href.replace(/\/+$/, "");
    this.#askPassword = askPassword;
    this.#askSecondFactor = askSecondFactor;
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
   * A user who has a second factor is asked for it by `askSecondFactor`.
   *
   * @param {string} username A user name, or an e-mail address that was verified.
   * @param {string} password
   * @returns {Promise<void>} Rejects with an ApiError. `mfa_required`: nobody was asked, or the user gave up; call
   *   `completeSignIn` with its `ticket`. `mfa_enrolment_required`: the user must set up a second factor first; call
   *   `beginEnrolment`. `mfa_ticket_invalid`: too many answers were wrong, or 5 minutes have passed; begin again.
   */
  async signIn(username, password) {
    try {
      await this.#enter("/login", { username, password });
    } catch (error) {
      await this.#answer(error, true, (completion) => this.completeSignIn(completion));
    }
  }

  /**
   * Sign in with the ticket that the password got, and a second factor.
   *
   * @param {Completion} completion
   * @returns {Promise<{ recoveryCodes: string[] }>} The codes to show once, if a factor was set up with the ticket.
   *   Rejects with an ApiError: `mfa_invalid` for a wrong answer.
   */
  async completeSignIn(completion) {
    const body = { ...(await this.#proofOf(completion)), remember: completion.remember };
    const { recoveryCodes = [] } = await this.#enter("/login/mfa", body);
    return { recoveryCodes };
  }

  /**
   * Set up an authenticator app with the ticket of `mfa_enrolment_required`. Its first code goes to `completeSignIn`.
   *
   * @param {string} ticket
   * @returns {Promise<{ secret: string, uri: string, qrSvg: string }>} Rejects with an ApiError.
   */
  beginEnrolment(ticket) {
    return this.#post("/login/mfa/totp", { ticket });
  }

  /**
   * Sign in with a passkey alone. The browser asks which one.
   *
   * With `conditional`, the browser offers the passkeys in the autofill of `<input autocomplete="username webauthn">`,
   * for as long as the form is there. The offer pauses while another ceremony runs. It ends with an AbortError when
   * `signal` is aborted, when somebody signs in otherwise, and when this method is called for another offer.
   *
   * @param {{ conditional?: boolean, signal?: AbortSignal }} [options]
   * @returns {Promise<void>} Rejects with an ApiError, or with the reason of `signal`.
   */
  async signInWithPasskey({ conditional = false, signal } = {}) {
    const enter = (/** @type {unknown} */ credential) => this.#enter("/login/passkey", { credential });
    if (conditional) await enter(await this.#offered(signal));
    else await this.#asked(async () => enter(await this.#asserted({}, signal)));
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
   * Prove that the user is still there: the session counts as just signed in for ten minutes. After a password,
   * `askSecondFactor` is called if the user has a second factor.
   *
   * @param {string | ByPasskey | Completion} proof The password; a passkey instead; or a second factor, with the ticket
   *   that the password got.
   * @returns {Promise<void>} Rejects with an ApiError: `wrong_password`, or as `signIn`.
   */
  async reauthenticate(proof) {
    if (typeof proof !== "string") return this.#prove(await this.#proofOf(proof));
    try {
      await this.#prove({ password: proof });
    } catch (error) {
      await this.#answer(error, false, (completion) => this.reauthenticate(completion));
    }
  }

  /**
   * Return the passkeys of the user, and tell the browser which of them exist, so that it offers no others.
   *
   * @returns {Promise<{ passkeys: Passkey[], rpId: string, userHandle: string | null, userName: string }>}
   *   Rejects with an ApiError.
   */
  async passkeys() {
    const owned = await this.request("GET", "/api/passkeys");
    const { rpId, userHandle: userId, userName: name } = owned;
    if (userId !== null) {
      const here = owned.passkeys.filter((/** @type {Passkey} */ passkey) => passkey.rpId === rpId);
      const ids = here.map((/** @type {Passkey} */ passkey) => passkey.credentialId);
      tellBrowser("signalAllAcceptedCredentials", { rpId, userId, allAcceptedCredentialIds: ids });
      tellBrowser("signalCurrentUserDetails", { rpId, userId, name, displayName: name });
    }
    return owned;
  }

  /**
   * Make a passkey on a device that the browser lets the user choose. It needs a recent sign-in, as `askPassword` says.
   *
   * @param {string} [name] Without it, the name of the authenticator, such as the password manager.
   * @returns {Promise<Passkey & { recoveryCodes?: string[] }>} With the codes to show once, if it is the first second
   *   factor. Rejects with an ApiError.
   */
  async addPasskey(name) {
    const options = await this.request("POST", "/api/passkeys/options");
    const create = () => navigator.credentials.create({ publicKey: creation(options) });
    const credential = await this.#asked(() => ceremony(create));
    try {
      return await this.request("POST", "/api/passkeys", { name, credential });
    } catch (error) {
      const refused = error instanceof ApiError && error.status >= 400 && error.status < 500;
      if (refused) tellBrowser("signalUnknownCredential", { rpId: options.rp.id, credentialId: credential.id });
      throw error;
    }
  }

  /**
   * Remove a passkey from the account, and tell the browser.
   *
   * @param {Pick<Passkey, "id" | "rpId" | "credentialId">} passkey
   * @returns {Promise<void>} Rejects with an ApiError: `last_way_in` if the user could no longer sign in.
   */
  async removePasskey({ id, rpId, credentialId }) {
    await this.request("DELETE", `/api/passkeys/${id}`);
    tellBrowser("signalUnknownCredential", { rpId, credentialId });
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
    const hasExpired = answer.status === 401 && !wantsPassword(answer) && !(used !== null && acceptsToken(answer));
    if (hasExpired && (await this.#renew(used))) answer = await send();
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

  /**
   * Open a session.
   *
   * @param {string} path
   * @param {unknown} body
   */
  #enter(path, body) {
    return this.#alone(async () => {
      const answer = await this.#post(path, body);
      this.#keep(answer, "signed-in");
      return answer;
    });
  }

  /**
   * Give the session a new time of sign-in.
   *
   * @param {unknown} body
   */
  async #prove(body) {
    const prove = () =>
      this.#alone(async () => {
        const answer = await answered(() => this.#send("POST", this.#url("/api/reauthenticate"), body));
        this.#keep(answer, "refreshed");
      });
    try {
      await prove();
    } catch (error) {
      if (!(error instanceof ApiError && TOKEN_REFUSED.includes(error.code)) || !(await this.refresh())) throw error;
      await prove();
    }
  }

  /**
   * Return the members of a request that prove a second factor, or a passkey alone.
   *
   * @param {ByPasskey | Completion} proof
   */
  async #proofOf(proof) {
    const { method, ticket, code } = /** @type {Completion} */ (proof);
    const credential = method === "passkey" ? await this.#asked(() => this.#asserted({ ticket })) : undefined;
    return ticket === undefined ? { credential } : { ticket, method, code, credential };
  }

  /**
   * Ask for the second factor that an error requires, until it is right. No lock is held meanwhile.
   *
   * @param {unknown} required Thrown if it is another error, or if the user gives up.
   * @param {boolean} signingIn
   * @param {(completion: Completion) => Promise<unknown>} send
   */
  async #answer(required, signingIn, send) {
    if (!(required instanceof ApiError && required.code === "mfa_required" && required.ticket)) throw required;
    const { methods, ticket } = required;
    /** @type {ApiError | null} */ let problem = null;
    for (;;) {
      const answer = await this.#askSecondFactor({ methods, problem, signingIn });
      if (answer === null) throw required;
      try {
        await send({ ...answer, ticket });
        return;
      } catch (error) {
        // Every other 401 ends it: the ticket is void, or the session has ended.
        if (!(error instanceof ApiError) || (error.status === 401 && error.code !== "mfa_invalid")) throw error;
        problem = error;
      }
    }
  }

  /** Ask for a proof until it is right. False: the user gave up. However many requests wait, one question. */
  #stepUp() {
    this.#stepping ??= (async () => {
      /** @type {ApiError | null} */ let problem = null;
      for (;;) {
        const proof = await this.#askPassword(problem);
        if (proof === null) return false;
        try {
          await this.reauthenticate(proof);
          return true;
        } catch (error) {
          if (!(error instanceof ApiError) || !this.signedIn) throw error;
          if (error.code === "mfa_required") return false;
          problem = error;
        }
      }
    })().finally(() => {
      this.#stepping = null;
    });
    return this.#stepping;
  }

  /**
   * Let the user choose a passkey, and return what it signs.
   *
   * @param {{ ticket?: string }} body With a ticket, only the passkeys of its user.
   * @param {AbortSignal} [signal]
   */
  async #asserted(body, signal) {
    const options = await this.#post("/login/passkey/options", body);
    return ceremony(() => navigator.credentials.get({ publicKey: assertion(options), signal }), signal);
  }

  /**
   * Offer passkeys in the autofill until the user takes one, and return what it signs.
   *
   * @param {AbortSignal} [signal]
   */
  async #offered(signal) {
    if (!(await globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.())) throw unsupported();
    this.#offer?.abort(new DOMException("There is another offer", "AbortError"));
    for (;;) {
      const offer = new AbortController();
      const stop = () => offer.abort(signal?.reason);
      let renewal = 0;
      this.#offer = offer;
      signal?.addEventListener("abort", stop);
      try {
        if (signal?.aborted) stop();
        await Promise.all([shown(), this.#ceremony]);
        offer.signal.throwIfAborted();
        const options = await this.#post("/login/passkey/options", {});
        renewal = setTimeout(() => offer.abort(RENEWAL), OFFER);
        /** @type {CredentialRequestOptions} */
        const request = { publicKey: assertion(options), mediation: "conditional", signal: offer.signal };
        return await ceremony(() => navigator.credentials.get(request), offer.signal);
      } catch (error) {
        if (error !== RENEWAL) throw error;
      } finally {
        clearTimeout(renewal);
        signal?.removeEventListener("abort", stop);
        if (this.#offer === offer) this.#offer = null;
      }
    }
  }

  /**
   * Run a ceremony that the user has asked for. The offer in the autofill pauses, because browsers run one at a time.
   *
   * @template T
   * @param {() => Promise<T>} task
   * @returns {Promise<T>}
   */
  #asked(task) {
    this.#offer?.abort(RENEWAL);
    const result = task();
    this.#ceremony = result.catch(() => null);
    return result;
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
      try {
        return await task();
      } finally {
        await this.#caughtUp(); // so that the lock does not reach another tab before the news of the task
      }
    });
  }

  /**
   * Wait until all that was said before has arrived: messages keep their order, and now one of our own is back. Locks
   * and messages have no common order, so a tab does this both when it has got the lock and before it releases it.
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
      setTimeout(done, DELIVERY); // a refresh too many is better than none
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
    if (this.signedIn) this.#offer?.abort(new DOMException("Somebody has signed in", "AbortError"));
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

/**
 * Whether jwtapi refuses with 401 something else than the access token that it got: its challenge then names no error.
 *
 * @param {Response} answer
 */
function acceptsToken(answer) {
  return answer.headers.get("WWW-Authenticate") === 'Bearer realm="jwtapi"';
}

/** Wait until somebody sees the page. */
function shown() {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve(null);
    };
    document.addEventListener("visibilitychange", look);
    look();
  });
}

const unsupported = (/** @type {unknown} */ cause = undefined) =>
  new ApiError(ApiError.PASSKEY_UNSUPPORTED, "Passkeys do not work in this browser or at this address", { cause });

/**
 * Let the browser ask for a passkey. Return its answer as JSON, or throw an ApiError, or the reason of the signal.
 *
 * @param {() => Promise<Credential | null>} run
 * @param {AbortSignal} [signal]
 */
async function ceremony(run, signal) {
  if (!globalThis.PublicKeyCredential) throw unsupported();
  try {
    return plain(/** @type {PublicKeyCredential} */ (await run()));
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (!(error instanceof DOMException)) throw error;
    if (["SecurityError", "NotSupportedError", "ConstraintError"].includes(error.name)) throw unsupported(error);
    throw error.name === "InvalidStateError"
      ? new ApiError(ApiError.PASSKEY_EXISTS, "This device already has a passkey of this account", { cause: error })
      : new ApiError(ApiError.PASSKEY_CANCELLED, "No passkey was used", { cause: error });
  }
}

// The browser's conversions, parseCreationOptionsFromJSON and toJSON, are not in all browsers that have passkeys.
// toJSON throws where an extension, such as a password manager, has made the credential.

/**
 * @param {any} options PublicKeyCredentialCreationOptionsJSON
 * @returns {PublicKeyCredentialCreationOptions}
 */
function creation({ challenge, user, excludeCredentials, ...rest }) {
  const excluded = excludeCredentials?.map(descriptor);
  return { ...rest, challenge: bytes(challenge), user: { ...user, id: bytes(user.id) }, excludeCredentials: excluded };
}

/**
 * @param {any} options PublicKeyCredentialRequestOptionsJSON
 * @returns {PublicKeyCredentialRequestOptions}
 */
function assertion({ challenge, allowCredentials, ...rest }) {
  return { ...rest, challenge: bytes(challenge), allowCredentials: allowCredentials?.map(descriptor) };
}

/** @param {any} credential */
const descriptor = (credential) => ({ ...credential, id: bytes(credential.id) });

/**
 * Return RegistrationResponseJSON or AuthenticationResponseJSON.
 *
 * @param {PublicKeyCredential} credential
 */
function plain(credential) {
  const given = /** @type {any} */ (credential.response);
  /** @type {Record<string, unknown>} */ const response = { transports: given.getTransports?.() };
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (given[name]) response[name] = base64url(given[name]);
  }
  return {
    id: credential.id,
    rawId: base64url(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  };
}

/** @param {string} text In base64url. */
function bytes(text) {
  const characters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(characters, (character) => character.charCodeAt(0));
}

/** @param {ArrayBuffer} buffer */
function base64url(buffer) {
  const text = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Tell the browser which passkeys to offer (WebAuthn L3 §5.1.10). Not all browsers listen, and no change depends on it.
 *
 * @param {string} method
 * @param {unknown} what
 */
async function tellBrowser(method, what) {
  try {
    await /** @type {any} */ (globalThis.PublicKeyCredential)?.[method]?.(what);
  } catch {
    // The passkeys may belong to another domain.
  }
}
