"""What can go wrong, in a few kinds. The web layer maps each kind to a status; nothing here knows HTTP.

Every error has a `code`, stable for programs, and a `message` for people. `ERROR_CODES` is the whole catalogue.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar


class JwtapiError(Exception):
    """Base of every refusal that a client is told of."""

    code: ClassVar[str]
    message: str

    def __init__(self, message: str | None = None) -> None:
        if message is not None:
            self.message = message
        super().__init__(self.message)

    @property
    def members(self) -> Mapping[str, Any]:
        """What the answer has besides code and message."""
        return {}


class InvalidInput(JwtapiError):
    """The request cannot be carried out as it is; `field` names the culprit, where there is one."""

    field: ClassVar[str | None] = None

    @property
    def members(self) -> Mapping[str, Any]:
        return {"errors": [{"field": self.field, "message": self.message}]} if self.field is not None else {}


class Unauthenticated(JwtapiError):
    """Who is calling is not known. `rejected_token` tells whether a bearer token was shown and refused."""

    rejected_token: ClassVar[bool] = False


class Forbidden(JwtapiError):
    """The caller may not do this."""


class Conflict(JwtapiError):
    """The request contradicts what is stored."""


class TooLarge(JwtapiError):
    """More was sent than is taken."""


class UnsupportedMediaType(JwtapiError):
    code = "unsupported_media_type"
    message = "Content-Type must be application/json"


class Retryable(JwtapiError):
    """Refused for now; `retry_after` is in seconds."""

    def __init__(self, retry_after: int, message: str | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class TooManyRequests(Retryable):
    code = "too_many_attempts"
    message = "Too many requests. Try again later."


class TooManyLogins(TooManyRequests):
    message = "Too many login attempts. Try again later."


class TooManyRegistrations(TooManyRequests):
    message = "Too many registrations. Try again later."


class Unavailable(Retryable):
    """This server cannot answer now, whoever asks."""


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"
    message = "Service temporarily unavailable. Try again later."

    def __init__(self) -> None:
        super().__init__(retry_after=5)


class ShuttingDown(Unavailable):
    code = "shutting_down"
    message = "This server is about to stop. Try again."

    def __init__(self) -> None:
        super().__init__(retry_after=1)


class Overloaded(Unavailable):
    code = "overloaded"
    message = "Too many passwords to hash at once. Try again later."

    def __init__(self) -> None:
        super().__init__(retry_after=5)


ERROR_CODES: Mapping[str, str] = MappingProxyType(
    {
        "credentials_required": "user name or password missing or empty",
        "validation_failed": "the request is not of the documented form; `errors` names the fields",
        "invalid_json": "the body is not strict JSON (RFC 8259): syntax, UTF-8, duplicate names, NaN, depth",
        "username_invalid": "the user name has characters that names may not have, mixes scripts, or is too long",
        "username_reserved": "nobody can register this user name (RESERVED_USERNAMES)",
        "password_too_short": "the new password has fewer characters than PASSWORD_MIN_LENGTH",
        "password_too_long": "the new password has more than 1024 characters",
        "password_too_common": "the new password is easy to guess (PASSWORD_BLOCKLIST)",
        "username_taken": "somebody has this user name, in whatever case, width or composition",
        "invalid_credentials": "unknown user, wrong password or disabled user: nobody is told which",
        "access_token_required": "no `Authorization: Bearer …` header",
        "token_expired": "the access token has expired: refresh it",
        "token_invalid": "the access token is forged, malformed or revoked: refresh it; if that fails, sign in again",
        "refresh_token_required": "no refresh cookie",
        "refresh_token_invalid": "the refresh token is forged, used, expired or revoked: sign in again",
        "cross_origin_refused": "a web page of another origin sent this (CORS_ORIGINS)",
        "too_many_attempts": "rate limit; come back after Retry-After seconds",
        "settings_too_large": "the settings would exceed 16 KiB",
        "body_too_large": "the request body exceeds 64 KiB",
        "unsupported_media_type": "this Content-Type or Content-Encoding is not taken here",
        "not_found": "no such path",
        "method_not_allowed": "the path exists, the method does not; see Allow",
        "bad_request": "the request could not be read",
        "request_timeout": "the request body did not arrive in time",
        "invalid_request": "OAuth2 (RFC 6749 §5.2): a parameter is missing, repeated or malformed",
        "invalid_grant": "OAuth2: wrong credentials or refresh token",
        "unsupported_grant_type": "OAuth2: grant types are password and refresh_token",
        "invalid_scope": "OAuth2: this server has no scopes",
        "overloaded": "the queue for password hashing is full; come back after Retry-After seconds",
        "storage_unavailable": "the database does not answer; come back after Retry-After seconds",
        "shutting_down": "`/health/ready` alone: this server is about to stop; send requests to another",
        "internal_error": "a fault of this server; tell its operator the X-Request-ID",
    }
)
"""Each code and what it means to a client."""
