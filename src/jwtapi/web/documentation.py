"""Describes responses in the OpenAPI document: every status that can occur, with an example of each body."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from pydantic.json_schema import models_json_schema

from jwtapi.errors import JwtapiError, StorageUnavailable, UnsupportedMediaType
from jwtapi.web.errors import BodyTooLarge, ErrorResponse, InternalError, RequestTimeout, ValidationFailed, status_of
from jwtapi.web.routes import InvalidJson
from jwtapi.web.schemas import ErrorBody, FieldError

Responses = dict[int | str, dict[str, Any]]

_HEADERS: Mapping[str, Any] = {
    "X-Request-ID": {
        "description": "Finds the request in the server's log. It is that of the request, or a new one.",
        "schema": {"type": "string"},
        "example": "5f0c1e9d7a3b48c60000000000000001",
    },
    "WWW-Authenticate": {
        "description": "The challenge of RFC 6750 §3.",
        "schema": {"type": "string"},
        "example": 'Bearer realm="jwtapi", error="invalid_token", error_description="Token expired"',
    },
    "Retry-After": {
        "description": "Try again after this number of seconds.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 5,
    },
    "RateLimit-Policy": {
        "description": "The limits that count this request (draft-ietf-httpapi-ratelimit-headers): 10 in 900 seconds.",
        "schema": {"type": "string"},
        "example": '"login";q=10;w=900',
    },
    "RateLimit": {
        "description": "What these limits still allow the client's address: 7 requests, and one more in 840 seconds.",
        "schema": {"type": "string"},
        "example": '"login";r=7;t=840',
    },
}
RATE_LIMIT = ("RateLimit-Policy", "RateLimit")
_ERROR_BODY = {"$ref": "#/components/schemas/ErrorBody"}
EXAMPLE_WAIT = 840
"""Seconds, in examples of `Retry-After`."""
_HEADERS_OF: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", *RATE_LIMIT),
    503: ("Retry-After",),
}


def document(app: FastAPI, complete: Callable[[dict[str, Any]], None]) -> None:
    """Correct FastAPI's OpenAPI document when it is first made. `complete` adds what the features know."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            components = schema["components"]
            components["headers"] = dict(_HEADERS)
            components["schemas"] = dict(sorted((components["schemas"] | _schemas_of_errors()).items()))
            for operations in schema["paths"].values():
                for operation in operations.values():
                    _correct(operation)
            for name in ("HTTPValidationError", "ValidationError"):
                components["schemas"].pop(name, None)
            for model in components["schemas"].values():
                for of_member in model.get("properties", {}).values():
                    of_member.pop("title", None)  # repeats the member's name in another spelling
                    of_member.pop("writeOnly", None)  # makes generators write two types for one body
            complete(schema)
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _schemas_of_errors() -> dict[str, Any]:
    """Return the schema of ErrorBody, and those that it refers to, in the form that FastAPI gives to schemas.

    As `model` of a response, FastAPI would make a validator for each error of each operation when the app is made.
    """
    _, schema = models_json_schema([(ErrorBody, "serialization")], ref_template="#/components/schemas/{model}")
    schemas: dict[str, Any] = jsonable_encoder(schema["$defs"], exclude_none=True)
    return schemas


def _correct(operation: dict[str, Any]) -> None:
    operation.setdefault("security", [])  # states that no credentials are needed
    operation["responses"].pop("422", None)  # validation answers 400 here
    for response in operation["responses"].values():
        response["headers"] = response.get("headers", {}) | headers("X-Request-ID")


def headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def success(description: str, *, example: Any = None, with_headers: Iterable[str] = ()) -> dict[str, Any]:
    """Make the entry of `responses` for a success. Only bodies whose schema has no example need `example`."""
    described: dict[str, Any] = {"description": description, "headers": headers(*with_headers)}
    return described | ({"content": {"application/json": {"example": example}}} if example is not None else {})


BODY = (RequestTimeout(), BodyTooLarge())
"""The errors that any request body can cause."""


def json_body(fault: FieldError) -> tuple[JwtapiError, ...]:
    """Return the errors that a JSON body can cause. `fault` is an example of a wrong field."""
    return (ValidationFailed([fault.model_dump()]), InvalidJson("not UTF-8"), UnsupportedMediaType(), *BODY)


def error_responses(*errors: JwtapiError, storage: bool = True) -> Responses:
    """Make the `responses` of an operation that can answer `errors`. Each operation can answer InternalError too.

    `storage`: the operation uses the database, so it can also answer StorageUnavailable.
    """
    if storage:
        errors += (StorageUnavailable(),)
    by_status: dict[int, list[JwtapiError]] = defaultdict(list)
    for error in (*errors, InternalError()):
        by_status[status_of(type(error))].append(error)
    return {status: _described(status, by_status[status]) for status in sorted(by_status)}


def limited_by_account(responses: Responses) -> Responses:
    """Correct the headers of 429: only limits on addresses are shown in headers of their own."""
    responses[429]["headers"] = headers("Retry-After")
    return responses


def _described(status: int, errors: Iterable[JwtapiError]) -> dict[str, Any]:
    contents = [(error.meaning, ErrorResponse(error).content) for error in errors]
    examples = {content["code"]: {"description": meaning, "value": content} for meaning, content in contents}
    return {
        "description": HTTPStatus(status).phrase,
        "headers": headers(*_HEADERS_OF.get(status, ())),
        "content": {"application/json": {"examples": examples, "schema": _ERROR_BODY}},
    }
