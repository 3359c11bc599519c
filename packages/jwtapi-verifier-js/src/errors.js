// What `verify` throws. `reason` is a short code for logs that never changes; it never contains a part of the token.

/** The token must be refused: answer 401. */
export class InvalidToken extends Error {
  name = "InvalidToken";
  code = "token_invalid";

  /** @param {string} reason */
  constructor(reason, message = "Invalid token") {
    super(message);
    this.reason = reason;
  }
}

/** The token was valid, and has expired: answer 401, and the client refreshes it. */
export class ExpiredToken extends InvalidToken {
  name = "ExpiredToken";
  code = "token_expired";

  constructor() {
    super("expired", "Token expired");
  }
}

/** Nobody can know now whether the token is valid: answer 503. */
export class Unavailable extends Error {
  name = "Unavailable";
  code = "unavailable";

  /** @param {string} reason */
  constructor(reason) {
    super("Tokens cannot be checked now");
    this.reason = reason;
  }
}
