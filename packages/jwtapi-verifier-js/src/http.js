// Sends the requests of a verifier. The global fetch cannot do this, because a request of it keeps the process alive: a
// program with a revocation feed would never end.

import http from "node:http";
import https from "node:https";

/** @typedef {{ status: number, headers: http.IncomingHttpHeaders, body: Buffer }} Answer */

/**
 * @typedef {object} Options
 * @property {string} [method]
 * @property {Record<string, string>} [headers]
 * @property {string} [body]
 * @property {number} timeout seconds until the end of the answer
 * @property {number} [silence] seconds without a byte of the answer; the default is `timeout`
 * @property {number} maxBytes of the body
 * @property {AbortSignal} signal
 */

/**
 * Sends a request, and returns the whole answer. Follows no redirect. Does not keep the process alive.
 * @param {string} url
 * @param {Options} options
 * @returns {Promise<Answer>}
 */
export async function send(url, options) {
  try {
    return await sendOnce(url, options);
  } catch (error) {
    // The server closed a connection that was kept open, just when the request was sent. Perhaps it closed them all, so
    // the request is sent again on a new one.
    if (error instanceof ClosedBeforehand) return sendOnce(url, options, false);
    throw error;
  }
}

class ClosedBeforehand extends Error {}

/**
 * @param {string} url
 * @param {Options} options
 * @param {false} [agent] for a connection of its own
 * @returns {Promise<Answer>}
 */
function sendOnce(url, { method = "GET", headers, body, timeout, silence = timeout, maxBytes, signal }, agent) {
  return new Promise((resolve, reject) => {
    const { request } = url.startsWith("https:") ? https : http;
    const outgoing = request(url, { method, headers, signal, agent, timeout: silence * 1000 });
    const deadline = setTimeout(() => outgoing.destroy(new Error("no answer in time")), timeout * 1000).unref();
    outgoing.on("socket", (socket) => socket.unref());
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
    outgoing.on("close", () => {
      clearTimeout(deadline);
      reject(new Error("the connection was cut")); // without effect after an answer or an error
    });
    outgoing.on("error", (error) => {
      const closed = ["ECONNRESET", "EPIPE"].includes(/** @type {NodeJS.ErrnoException} */ (error).code ?? "");
      reject(closed && outgoing.reusedSocket ? new ClosedBeforehand() : error);
    });
    outgoing.on("response", (incoming) => {
      /** @type {Buffer[]} */
      const chunks = [];
      let size = 0;
      incoming.on("data", (chunk) => {
        size += chunk.length;
        if (size > maxBytes) outgoing.destroy(new Error(`the answer has more than ${maxBytes} bytes`));
        else chunks.push(chunk);
      });
      incoming.on("error", reject);
      incoming.on("end", () => {
        const status = /** @type {number} */ (incoming.statusCode);
        resolve({ status, headers: incoming.headers, body: Buffer.concat(chunks) });
      });
    });
    outgoing.end(body);
  });
}
