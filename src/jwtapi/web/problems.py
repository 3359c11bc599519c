"""Turns errors into answers: the kind decides the status, and nothing that the client sent is repeated."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from jwtapi.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    JwtapiError,
    Retryable,
    StorageUnavailable,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from jwtapi.storage.faults import outcome_of, reason_of

STATUS_OF: Mapping[type[JwtapiError], int] = {
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    Conflict: 409,
    TooLarge: 413,
    UnsupportedMediaType: 415,
    TooManyRequests: 429,
    Unavailable: 503,
}

# Errors that the framework makes, by status. Python's own phrases change between versions.
_FRAMEWORK_ERRORS = {
    404: ("not_found", "Not Found"),
    405: ("method_not_allowed", "Method Not Allowed"),
    408: ("request_timeout", "Request Timeout"),
    413: ("body_too_large", "Content Too Large"),
}

log = structlog.get_logger()


class JsonProblem(JSONResponse):
    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__({"message": message, "code": code, **members}, status, dict(headers or {}))


def not_found() -> JsonProblem:
    return JsonProblem(404, *_FRAMEWORK_ERRORS[404])


def internal_error() -> JsonProblem:
    return JsonProblem(500, "internal_error", "Internal server error")


def status_of(error: type[JwtapiError]) -> int:
    return next(STATUS_OF[kind] for kind in error.__mro__ if kind in STATUS_OF)


def install_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(JwtapiError, answer_refusal)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(HTTPException, _answer_framework_error)


async def answer_refusal(_: Request, error: Exception) -> JsonProblem:
    """Say why not."""
    assert isinstance(error, JwtapiError)  # noqa: S101  add_exception_handler cannot say so in its type
    if isinstance(error, StorageUnavailable) and error.__cause__ is not None:
        log.error(outcome_of(error), cause=reason_of(error))
    headers: dict[str, str] = {}
    members: dict[str, Any] = {}
    if isinstance(error, Retryable):
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = _challenge(error)
    if isinstance(error, InvalidInput):
        members = dict(error.members)
    return JsonProblem(status_of(type(error)), error.code, error.message, headers=headers, **members)


def _challenge(error: Unauthenticated) -> str:
    """RFC 6750 §3.1: a request without a token is told no error code."""
    if error.rejected_token:
        return f'Bearer realm="jwtapi", error="invalid_token", error_description="{error.message}"'
    return 'Bearer realm="jwtapi"'


async def _answer_invalid_request(_: Request, error: Exception) -> JsonProblem:
    assert isinstance(error, RequestValidationError)  # noqa: S101  see above
    problems = [
        {"field": ".".join(str(part) for part in fault["loc"][1:]), "message": fault["msg"]} for fault in error.errors()
    ]
    if any(not problem["field"] for problem in problems):
        return JsonProblem(400, "validation_failed", "The body must be a JSON object")
    return JsonProblem(400, "validation_failed", "The request is not valid", errors=problems)


async def _answer_framework_error(request: Request, error: Exception) -> JsonProblem:
    assert isinstance(error, HTTPException)  # noqa: S101  see above
    code, message = _FRAMEWORK_ERRORS.get(error.status_code, ("bad_request", "Bad Request"))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The framework names the methods of the first route of that path alone.
        operations = request.app.openapi()["paths"].get(request.scope["path"])
        headers |= {"Allow": ", ".join(sorted(map(str.upper, operations)))} if operations else {}
    return JsonProblem(error.status_code, code, message, headers=headers)
