// Checks the options of a verifier, so that a mistake in them does not wait for the first token.

const ON_SILENCE = ["refuse", "ask", "accept"];

/** @typedef {import("../types/index.js").VerifierOptions} VerifierOptions */

/**
 * Returns all options, with defaults for those that are missing.
 * @param {VerifierOptions} given
 * @throws {TypeError} an option is missing or wrong
 */
export function readOptions(given) {
  const { issuer, audience, clientId, clientSecret, allowHttp = false } = given;
  requireUrl("issuer", issuer, allowHttp);
  const options = {
    issuer,
    audience,
    clientId,
    clientSecret,
    base: issuer.replace(/\/$/, ""),
    jwksUrl: given.jwksUrl ?? `${issuer.replace(/\/$/, "")}/.well-known/jwks.json`,
    onSilence: given.onSilence ?? "refuse",
    leeway: given.leeway ?? 0,
    cooldown: given.cooldown ?? 30,
    maxStale: given.maxStale ?? 24 * 3600,
    now: given.now ?? (() => Date.now() / 1000),
    logger: given.logger ?? console,
  };
  requireUrl("jwksUrl", options.jwksUrl, allowHttp);
  require(typeof audience === "string" && audience !== "", "audience must be a text");
  require(isText(clientId) === isText(clientSecret), "clientId and clientSecret belong together");
  require(ON_SILENCE.includes(options.onSilence), `onSilence must be one of ${ON_SILENCE.join(", ")}`);
  require(options.leeway >= 0 && options.leeway <= 30, "leeway must be 0 to 30 seconds");
  require(options.cooldown >= 1, "cooldown must be at least 1 second");
  require(options.maxStale >= 0, "maxStale must be a number of seconds");
  return options;
}

/** @param {unknown} value */
function isText(value) {
  return typeof value === "string" && value !== "";
}

/**
 * @param {boolean} condition
 * @param {string} message
 */
function require(condition, message) {
  if (!condition) throw new TypeError(message);
}

/**
 * @param {string} name
 * @param {string} text
 * @param {boolean} allowHttp
 */
function requireUrl(name, text, allowHttp) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url && !url.username && !url.password && !url.search && !url.hash;
  require(Boolean(plain), `${name} must be a URL without user, query and fragment`);
  const { protocol, hostname } = /** @type {URL} */ (url);
  const allowed = protocol === "https:" || (protocol === "http:" && (allowHttp || isLoopback(hostname)));
  require(allowed, `${name} must start with https:// (http:// only for this machine, or with allowHttp)`);
}

/** @param {string} hostname */
function isLoopback(hostname) {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
