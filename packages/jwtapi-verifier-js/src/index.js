export { ExpiredToken, InvalidToken, Unavailable } from "./errors.js";
export { Verifier } from "./verifier.js";
