import type { IncomingMessage, ServerResponse } from "node:http";
import type { Claims, Verifier } from "./index.js";

export type Middleware = (
  request: IncomingMessage & { claims?: Claims },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => Promise<void>;

/** Returns a middleware that lets only requests with a valid access token through, with its claims in `request.claims`. */
export function requireToken(verifier: Verifier): Middleware;
