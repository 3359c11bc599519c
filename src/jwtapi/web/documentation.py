"""What the OpenAPI document says of answers: every status that can occur, with an example of each body."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from jwtapi.errors import ERROR_CODES, JwtapiError, StorageUnavailable, UnsupportedMediaType
from jwtapi.web.problems import JsonProblem, framework_problem, internal_error, invalid_request, refusal
from jwtapi.web.routes import InvalidJson
from jwtapi.web.schemas import FieldProblem, Problem

Responses = dict[int | str, dict[str, Any]]

_HEADERS: Mapping[str, Any] = {
    "X-Request-ID": {
        "description": "What to look for in the server's log: the request's own, or a new one.",
        "schema": {"type": "string"},
        "example": "5f0c1e9d7a3b48c60000000000000001",
    },
    "WWW-Authenticate": {
        "description": "The challenge of RFC 6750 §3.",
        "schema": {"type": "string"},
        "example": 'Bearer realm="jwtapi", error="invalid_token", error_description="Token expired"',
    },
    "Retry-After": {
        "description": "Come back after so many seconds.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 5,
    },
    "RateLimit-Policy": {
        "description": "Which limits count this request (draft-ietf-httpapi-ratelimit-headers): 10 in 900 seconds.",
        "schema": {"type": "string"},
        "example": '"login";q=10;w=900',
    },
    "RateLimit": {
        "description": "Where the client's address stands in them: 7 are left, and one more in 840 seconds.",
        "schema": {"type": "string"},
        "example": '"login";r=7;t=840',
    },
}
RATE_LIMIT = ("RateLimit-Policy", "RateLimit")
EXAMPLE_WAIT = 840
"""Seconds, in examples of `Retry-After`."""
_HEADERS_OF: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", *RATE_LIMIT),
    503: ("Retry-After",),
}


def document(app: FastAPI, complete: Callable[[dict[str, Any]], None]) -> None:
    """Correct FastAPI's OpenAPI document when it is first asked for; `complete` adds what only features know."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            components = schema["components"]
            components["headers"] = dict(_HEADERS)
            for operations in schema["paths"].values():
                for operation in operations.values():
                    _correct(operation)
            for name in ("HTTPValidationError", "ValidationError"):
                components["schemas"].pop(name, None)
            for model in components["schemas"].values():
                for of_member in model.get("properties", {}).values():
                    of_member.pop("title", None)  # the member's name again, spelt worse
                    of_member.pop("writeOnly", None)  # no answer has it; of one body generators would make two types
            complete(schema)
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _correct(operation: dict[str, Any]) -> None:
    operation.setdefault("security", [])  # said, and not forgotten
    operation["responses"].pop("422", None)  # validation answers 400 here
    for response in operation["responses"].values():
        response["headers"] = response.get("headers", {}) | headers("X-Request-ID")


def headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def success(description: str, *, example: Any = None, with_headers: Iterable[str] = ()) -> dict[str, Any]:
    """Make the entry of `responses` for what went well; the example is for bodies whose schema has none."""
    described: dict[str, Any] = {"description": description, "headers": headers(*with_headers)}
    return described | ({"content": {"application/json": {"example": example}}} if example is not None else {})


BODY = (framework_problem(408), framework_problem(413))
"""What can go wrong with any body."""


def json_body(fault: FieldProblem) -> tuple[JwtapiError | JsonProblem, ...]:
    """Return what can go wrong with a JSON body; `fault` is an example of what is wrong in it."""
    return (invalid_request([fault.model_dump()]), InvalidJson("not UTF-8"), UnsupportedMediaType(), *BODY)


def problems(*errors: JwtapiError | JsonProblem, storage: bool = True) -> Responses:
    """Make the `responses` of an operation for `errors`, for faults and, if it needs the database, for its outages."""
    if storage:
        errors += (StorageUnavailable(),)
    by_status: dict[int, list[JsonProblem]] = defaultdict(list)
    for error in (*errors, internal_error()):
        answer = refusal(error) if isinstance(error, JwtapiError) else error
        by_status[answer.status_code].append(answer)
    return {status: _problem(status, by_status[status]) for status in sorted(by_status)}


def _problem(status: int, answers: Iterable[JsonProblem]) -> dict[str, Any]:
    examples = {}
    for answer in answers:
        code = answer.content["code"]
        examples[code] = {"description": ERROR_CODES[code], "value": answer.content}
    return {
        "model": Problem,
        "description": HTTPStatus(status).phrase,
        "headers": headers(*_HEADERS_OF.get(status, ())),
        "content": {"application/json": {"examples": examples}},
    }
