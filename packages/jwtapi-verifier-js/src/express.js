// For Express, Connect, and plain node:http.

import { InvalidToken, Unavailable } from "./errors.js";

/**
 * Returns a middleware that lets only requests with a valid access token through, with its claims in `request.claims`.
 * @param {import("../types/index.js").Verifier} verifier
 * @returns {import("../types/express.js").Middleware}
 */
export function requireToken(verifier) {
  return async (request, response, next) => {
    const [, token] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
    try {
      if (!token) return refuse(response, 401, { message: "Access token required", code: "access_token_required" });
      request.claims = await verifier.verify(token);
    } catch (error) {
      if (error instanceof InvalidToken) return refuse(response, 401, error, ' error="invalid_token"');
      if (error instanceof Unavailable) return refuse(response, 503, error);
      return next(error);
    }
    next();
  };
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {401 | 503} status
 * @param {{ message: string, code: string }} error
 * @param {string} [parameter] of the challenge, RFC 6750 §3
 */
function refuse(response, status, { message, code }, parameter = "") {
  response.statusCode = status;
  if (status === 401) response.setHeader("WWW-Authenticate", `Bearer${parameter}`);
  else response.setHeader("Retry-After", "5");
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ message, code }));
}
