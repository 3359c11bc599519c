"""Bearer tokens in HTTP (RFC 6750), for the helpers of the frameworks."""

from dataclasses import dataclass
from typing import Final

from jwtapi_verifier.errors import ExpiredToken, InvalidToken, Unavailable

RETRY_AFTER_SECONDS: Final = 5


@dataclass(frozen=True)
class Refusal:
    """How to answer a request whose token is not accepted."""

    status: int
    code: str
    message: str
    headers: dict[str, str]


def bearer_token(authorization: str | None) -> str:
    """Return the token of an `Authorization` header.

    Raises:
        MissingToken: there is none.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip(" "):
        raise MissingToken
    return token.strip(" ")


class MissingToken(Exception):
    """The request has no bearer token."""


def refusal(error: MissingToken | InvalidToken | Unavailable) -> Refusal:
    match error:
        case Unavailable():
            retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return Refusal(503, "unavailable", "Tokens cannot be checked now", retry)
        case ExpiredToken():
            return _unauthorized("token_expired", "Token expired", ' error="invalid_token"')
        case InvalidToken():
            return _unauthorized("token_invalid", "Invalid token", ' error="invalid_token"')
        case _:
            # RFC 6750 §3.1: no error code if the request does not try to authenticate.
            return _unauthorized("access_token_required", "Access token required", "")


def _unauthorized(code: str, message: str, parameters: str) -> Refusal:
    return Refusal(401, code, message, {"WWW-Authenticate": f"Bearer{parameters}"})
