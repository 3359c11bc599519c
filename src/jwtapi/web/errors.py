"""Makes responses of errors. The kind of an error decides the status, and no response repeats what the client sent."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import Match

from jwtapi.errors import (
    ERROR_CLASSES,
    Conflict,
    Forbidden,
    InvalidInput,
    JwtapiError,
    NotFound,
    NotSupported,
    Retryable,
    StorageUnavailable,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from jwtapi.storage.faults import outcome_of, reason_of


class BadRequest(InvalidInput):
    code = "bad_request"
    meaning = "the request could not be read"
    message = "Bad Request"


class ValidationFailed(InvalidInput):
    code = "validation_failed"
    meaning = "the request is not of the documented form; `errors` names the fields"

    def __init__(self, faults: Sequence[Mapping[str, str]]) -> None:
        """Each fault has `field` and `message`. An empty `field` means that the body as a whole is wrong."""
        self._faults = faults if all(fault["field"] for fault in faults) else ()
        super().__init__("The request is not valid" if self._faults else "The body must be a JSON object")

    @property
    def members(self) -> Mapping[str, Any]:
        return {"errors": self._faults} if self._faults else {}


def missing_field(name: str) -> ValidationFailed:
    """Return the error of a body without a member that only some requests can leave out."""
    return ValidationFailed([{"field": name, "message": "Field required"}])


class BodyTooLarge(TooLarge):
    code = "body_too_large"
    meaning = "the request body exceeds 64 KiB"
    message = "Content Too Large"


class MethodNotAllowed(JwtapiError):
    code = "method_not_allowed"
    meaning = "the path exists, but not with this method; `Allow` names its methods"
    message = "Method Not Allowed"


class RequestTimeout(JwtapiError):
    code = "request_timeout"
    meaning = "the request body did not arrive in time"
    message = "Request Timeout"


class InternalError(JwtapiError):
    code = "internal_error"
    meaning = "a fault in this server: report the `X-Request-ID` to its operator"
    message = "Internal server error"


STATUS_OF: Mapping[type[JwtapiError], int] = {
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    RequestTimeout: 408,
    Conflict: 409,
    TooLarge: 413,
    UnsupportedMediaType: 415,
    TooManyRequests: 429,
    InternalError: 500,
    NotSupported: 501,
    Unavailable: 503,
}

_FRAMEWORK_ERRORS: Mapping[int, type[JwtapiError]] = {
    404: NotFound,
    405: MethodNotAllowed,
    408: RequestTimeout,
    413: BodyTooLarge,
}
"""The errors that FastAPI and Starlette raise as an HTTPException, by status."""

log = structlog.get_logger()


def status_of(error: type[JwtapiError]) -> int:
    return next(STATUS_OF[kind] for kind in error.__mro__ if kind in STATUS_OF)


def catalogue() -> list[type[JwtapiError]]:
    """Return the classes that define a code, by status and then by code."""
    return sorted(ERROR_CLASSES.values(), key=lambda error: (status_of(error), error.code))


class ErrorResponse(JSONResponse):
    """Not `application/problem+json` of RFC 9457: see docs/decisions/0030-errors-are-not-problem-details.md."""

    def __init__(self, error: JwtapiError) -> None:
        self.content = {"message": error.message, "code": error.code, **error.members}
        headers: dict[str, str] = {}
        if isinstance(error, Retryable):
            headers["Retry-After"] = str(math.ceil(error.retry_after))
        if isinstance(error, Unauthenticated):
            headers["WWW-Authenticate"] = _challenge(error)
        if isinstance(error, Forbidden) and error.missing_scope is not None:
            headers["WWW-Authenticate"] = (
                f'Bearer realm="jwtapi", error="insufficient_scope", scope="{error.missing_scope}"'
            )
        super().__init__(self.content, status_of(type(error)), headers)


def _challenge(error: Unauthenticated) -> str:
    """Return the challenge of RFC 6750 §3. It has no error code if the request had no token (§3.1)."""
    if error.takes_client_secret:  # RFC 6749 §5.2
        return 'Basic realm="jwtapi", charset="UTF-8"'
    if error.max_age is not None:  # RFC 9470 §3
        return (
            'Bearer realm="jwtapi", error="insufficient_user_authentication", '
            f'error_description="{error.message}", max_age={error.max_age}'
        )
    if error.rejected_token:
        return f'Bearer realm="jwtapi", error="invalid_token", error_description="{error.message}"'
    return 'Bearer realm="jwtapi"'


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(JwtapiError, handle_error)
    app.add_exception_handler(RequestValidationError, _handle_invalid_request)
    app.add_exception_handler(HTTPException, _handle_framework_error)


async def handle_error(_: Request, error: Exception) -> ErrorResponse:
    """Log a failure of the database too. Its cause is for the operator, not for the client."""
    assert isinstance(error, JwtapiError)  # noqa: S101  add_exception_handler cannot say so in its type
    if isinstance(error, StorageUnavailable) and error.__cause__ is not None:
        log.error(outcome_of(error), cause=reason_of(error))
    return ErrorResponse(error)


async def _handle_invalid_request(_: Request, error: Exception) -> ErrorResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  see above
    faults = [
        {"field": ".".join(str(part) for part in fault["loc"][1:]), "message": fault["msg"]} for fault in error.errors()
    ]
    return ErrorResponse(ValidationFailed(faults))


async def _handle_framework_error(request: Request, error: Exception) -> ErrorResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  see above
    response = ErrorResponse(_FRAMEWORK_ERRORS.get(error.status_code, BadRequest)())
    response.status_code = error.status_code
    response.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (methods := _methods_at_path(request)):
        response.headers["Allow"] = ", ".join(methods)
    return response


def _methods_at_path(request: Request) -> list[str]:
    """Return the methods of all routes that match the path. The framework's own Allow has those of one route."""
    routes = iter_route_contexts(request.app.routes)
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in matching for method in route.methods or ()})
