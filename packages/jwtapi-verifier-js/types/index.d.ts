export interface VerifierOptions {
  /** `PUBLIC_URL` of jwtapi. It must start with `https://`; `http://` only for this machine. */
  issuer: string;
  /** What `aud` of a token must contain: `TOKEN_AUDIENCE` of jwtapi, or the issuer if that is not set. */
  audience: string;
  /** The default is `/.well-known/jwks.json` below the issuer. */
  jwksUrl?: string;
  /** The id that `jwtapi client create NAME --scope revocations` printed. With it, the verifier follows the revocation feed. */
  clientId?: string;
  clientSecret?: string;
  /** What happens while the revocation feed is silent. The default is `refuse`. */
  onSilence?: "refuse" | "ask" | "accept";
  /** Allows `http://` for other machines too. */
  allowHttp?: boolean;
  /** Seconds for which an expired token is still accepted: 0 to 30. The default is 0. */
  leeway?: number;
  /** Seconds between two fetches of the key set because of unknown keys. The default is 30. */
  cooldown?: number;
  /** Seconds for which known keys are used while the key set cannot be fetched. The default is 24 hours. */
  maxStale?: number;
  /** The clock, in seconds since 1970. */
  now?: () => number;
  /** Where warnings go. They contain no secret and no token. The default is `console`. */
  logger?: { warn(message: string): void };
}

/** The claims of a valid access token. Times are in seconds since 1970. */
export interface Claims {
  /** The user's id, or for a service its client id. Identify users by it: a name can pass to somebody else. */
  sub: string;
  /** null in the token of a service. */
  username: string | null;
  roles: string[];
  /** null in the token of a service. */
  sessionId: string | null;
  clientId: string | null;
  scope: string[];
  authTime: number | null;
  amr: string[];
  expiresAt: number;
  issuedAt: number;
  tokenId: string;
  /** All claims, by their names in the token. */
  raw: Record<string, unknown>;
}

/** Checks access tokens. Its background work does not keep the process alive. */
export class Verifier {
  /** @throws {TypeError} an option is missing or wrong */
  constructor(options: VerifierOptions);
  /** Whether all that was revoked until a moment ago is known. Always false without `clientId`. */
  readonly feedIsLive: boolean;
  /** Starts the background work now, instead of at the first `verify`. */
  start(): void;
  /**
   * Returns the claims of a valid access token.
   * @throws {InvalidToken} answer 401
   * @throws {Unavailable} answer 503
   */
  verify(token: string): Promise<Claims>;
  /** Ends the background work. After this, `verify` throws Unavailable. */
  close(): void;
}

/** The token must be refused: answer 401. */
export class InvalidToken extends Error {
  constructor(reason: string, message?: string);
  /** `token_invalid`, or `token_expired`: what a client needs to know. */
  code: string;
  /** Why, for logs: a short code that never changes and contains no part of the token. */
  reason: string;
}

/** The token was valid, and has expired: answer 401, and the client refreshes it. */
export class ExpiredToken extends InvalidToken {
  constructor();
}

/** Nobody can know now whether the token is valid: answer 503. */
export class Unavailable extends Error {
  constructor(reason: string);
  /** `unavailable` */
  code: string;
  /** Why, for logs: a short code that never changes. */
  reason: string;
}
