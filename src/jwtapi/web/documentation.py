"""What the OpenAPI document says of errors: every status that can occur, with an example of each body."""

from collections import defaultdict
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from jwtapi.errors import JwtapiError, StorageUnavailable, UnsupportedMediaType
from jwtapi.web.problems import status_of
from jwtapi.web.schemas import Problem

_CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "RFC 6750 §3"}}
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds"}}
_RATE_LIMIT = {
    name: {"schema": {"type": "string"}, "description": description}
    for name, description in {
        "RateLimit-Policy": "What the limits are (draft-ietf-httpapi-ratelimit-headers)",
        "RateLimit": "Where the address stands in them",
    }.items()
}
_HEADERS: Mapping[int, Any] = {401: _CHALLENGE, 429: _RETRY_AFTER | _RATE_LIMIT, 503: _RETRY_AFTER}

_BODY_EXAMPLES: Mapping[int, Any] = {
    400: {
        "invalid_json": {"message": "The body is not valid JSON: not UTF-8", "code": "invalid_json"},
        "validation_failed": {
            "message": "The request is not valid",
            "code": "validation_failed",
            "errors": [{"field": "username", "message": "Input should be a valid string"}],
        },
    },
    408: {"request_timeout": {"message": "Request Timeout", "code": "request_timeout"}},
    413: {"body_too_large": {"message": "Content Too Large", "code": "body_too_large"}},
    415: {"unsupported_media_type": {"message": UnsupportedMediaType.message, "code": UnsupportedMediaType.code}},
}
_FAULT = {"internal_error": {"message": "Internal server error", "code": "internal_error"}}


def document(app: FastAPI, root_path: str | None = None) -> None:
    """Leave FastAPI's own 422 out of the OpenAPI document: validation answers 400 here."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            for operations in schema["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
            for name in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(name, None)
            if root_path is not None:
                # Relative to the server's URL, as it is without, it would replace the last part of the path.
                flow = schema["components"]["securitySchemes"]["Password"]["flows"]["password"]
                flow |= {"tokenUrl": f"{root_path}/token", "refreshUrl": f"{root_path}/token"}
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def problems(*errors: type[JwtapiError], body: bool = False, storage: bool = True) -> dict[int | str, dict[str, Any]]:
    """Make the `responses` of an operation: those of `errors`, and what comes with a JSON body, a database."""
    if storage:
        errors += (StorageUnavailable,)
    examples: dict[int, dict[str, Any]] = defaultdict(dict)
    examples[500] |= _FAULT
    if body:
        for status, of_status in _BODY_EXAMPLES.items():
            examples[status] |= of_status
    for error in errors:
        example = {"message": getattr(error, "message", error.code), "code": error.code}
        examples[status_of(error)][error.code] = example
    return {status: problem(status, examples[status]) for status in sorted(examples)}


def problem(status: int, examples: Mapping[str, Any], model: type[Any] = Problem) -> dict[str, Any]:
    """Make one entry of `responses`."""
    described = {
        "model": model,
        "description": HTTPStatus(status).phrase,
        "content": {"application/json": {"examples": {name: {"value": value} for name, value in examples.items()}}},
    }
    return described | ({"headers": _HEADERS[status]} if status in _HEADERS else {})
