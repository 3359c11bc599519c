"""The kinds of errors that clients get. The web layer maps each kind to a status. This module knows nothing of HTTP.

A class that defines a `code` is an entry of the catalogue, and defines the `meaning` of the code too.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

_classes: dict[str, type["JwtapiError"]] = {}

ERROR_CLASSES: Mapping[str, type["JwtapiError"]] = MappingProxyType(_classes)
"""The catalogue: each code with the class that defines it. It is complete when the features have been imported."""


class JwtapiError(Exception):
    """Base of every error that a client can get."""

    code: ClassVar[str]
    """For programs. A code never changes."""

    meaning: ClassVar[str]
    """What the code means to a client, for the documentation."""

    message: str
    """For people."""

    def __init_subclass__(cls) -> None:
        """Add the class to the catalogue if it defines a code. A class that inherits its code inherits the meaning."""
        super().__init_subclass__()
        if "code" not in vars(cls):
            return
        if "meaning" not in vars(cls):
            raise TypeError(f"{cls.__name__} defines a code, but not what it means")
        if cls.code in _classes:
            raise TypeError(f"{cls.__name__} and {_classes[cls.code].__name__} define the same code, {cls.code}")
        _classes[cls.code] = cls

    def __init__(self, message: str | None = None) -> None:
        if message is not None:
            self.message = message
        super().__init__(self.message)

    @property
    def members(self) -> Mapping[str, Any]:
        """The members of the error's body besides code and message."""
        return {}


class InvalidInput(JwtapiError):
    """The request is wrong, so the same request can never succeed.

    `field` names the wrong field, if only one is wrong.
    """

    field: str | None = None

    @property
    def members(self) -> Mapping[str, Any]:
        return {"errors": [{"field": self.field, "message": self.message}]} if self.field is not None else {}


class Unauthenticated(JwtapiError):
    """The caller is not known, or signed in too long ago.

    `rejected_token`: the request had a bearer token, and it was rejected. `max_age`: the token is valid, but its user
    must have signed in within so many seconds (RFC 9470). `takes_client_secret`: the caller must be a client of OAuth2.
    """

    rejected_token: ClassVar[bool] = False
    max_age: ClassVar[int | None] = None
    takes_client_secret: ClassVar[bool] = False


class Forbidden(JwtapiError):
    """The caller may not do this.

    `missing_scope`: what its token, or the client, would need (RFC 6750 §3.1).
    """

    missing_scope: str | None = None


class NotFound(JwtapiError):
    code = "not_found"
    meaning = "there is nothing at this path"
    message = "Not Found"


class Conflict(JwtapiError):
    """The request contradicts what is stored."""


class NotSupported(JwtapiError):
    """This server is not set up for what the request needs."""


class TooLarge(JwtapiError):
    """The request is larger than the service accepts."""


class UnsupportedMediaType(JwtapiError):
    code = "unsupported_media_type"
    meaning = "this Content-Type or Content-Encoding is not accepted here"
    message = "Content-Type must be application/json"


class Retryable(JwtapiError):
    """The same request can succeed later. `retry_after` is in seconds."""

    def __init__(self, retry_after: int, message: str | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class TooManyRequests(Retryable):
    code = "too_many_attempts"
    meaning = "a rate limit is reached: try again after `Retry-After` seconds"
    message = "Too many requests. Try again later."


class Unavailable(Retryable):
    """This server cannot answer anybody now."""


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"
    meaning = "the database does not answer: try again after `Retry-After` seconds"
    message = "Service temporarily unavailable. Try again later."

    def __init__(self) -> None:
        super().__init__(retry_after=5)
