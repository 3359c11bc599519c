"""Turns errors into answers: the kind decides the status, and nothing that the client sent is repeated."""

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
        self.content = {"message": message, "code": code, **members}
        super().__init__(self.content, status, dict(headers or {}))


def framework_problem(status: int) -> JsonProblem:
    return JsonProblem(status, *_FRAMEWORK_ERRORS.get(status, ("bad_request", "Bad Request")))


def not_found() -> JsonProblem:
    return framework_problem(404)


def internal_error() -> JsonProblem:
    return JsonProblem(500, "internal_error", "Internal server error")


def install_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(JwtapiError, answer_refusal)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(HTTPException, _answer_framework_error)


def invalid_request(faults: Sequence[Mapping[str, str]]) -> JsonProblem:
    """Name the fields that are wrong; without a field, it is the body as a whole."""
    if any(not fault["field"] for fault in faults):
        return JsonProblem(400, "validation_failed", "The body must be a JSON object")
    return JsonProblem(400, "validation_failed", "The request is not valid", errors=faults)


def refusal(error: JwtapiError) -> JsonProblem:
    status = next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)
    headers: dict[str, str] = {}
    if isinstance(error, Retryable):
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = _challenge(error)
    return JsonProblem(status, error.code, error.message, headers=headers, **error.members)


async def answer_refusal(_: Request, error: Exception) -> JsonProblem:
    """Say why not."""
    assert isinstance(error, JwtapiError)  # noqa: S101  add_exception_handler cannot say so in its type
    if isinstance(error, StorageUnavailable) and error.__cause__ is not None:
        log.error(outcome_of(error), cause=reason_of(error))
    return refusal(error)


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
    return invalid_request(problems)


async def _answer_framework_error(request: Request, error: Exception) -> JsonProblem:
    assert isinstance(error, HTTPException)  # noqa: S101  see above
    problem = framework_problem(error.status_code)
    problem.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The framework names the methods of the first route of that path alone.
        routes = [route for route in iter_route_contexts(request.app.routes) if route.path == request.scope["path"]]
        methods = {method for route in routes for method in route.methods or ()}
        if methods:
            problem.headers["Allow"] = ", ".join(sorted(methods))
    return problem
