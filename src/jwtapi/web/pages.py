"""Lists that are answered page by page: their parameters, and the cursors by which a client asks for the next page.

A cursor is the position of the last row, and not a number of rows: a page costs the same wherever it is, and rows that
come or go meanwhile neither repeat others nor hide them. It is no secret and not signed. A client that makes one of its
own gets the page of that position.
"""

import json
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from jwtapi import strict_json
from jwtapi.web.errors import ValidationFailed
from jwtapi.web.query import wrong_parameter

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

_MAX_CURSOR = 2048
_NUMBER = re.compile("[0-9]{1,3}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

LIMIT_DOCUMENTATION: Mapping[str, Any] = {
    "name": "limit",
    "in": "query",
    "description": "How many to return at most.",
    "allowEmptyValue": True,
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
}


def after_documentation(example: str) -> Mapping[str, Any]:
    return {
        "name": "after",
        "in": "query",
        "description": "`next` of the page before. Leave it out for the first page.",
        "schema": {"type": "string"},
        "example": example,
    }


def read_limit(parameters: Mapping[str, str]) -> int:
    """Return the parameter `limit`.

    Raises:
        ValidationFailed
    """
    text = parameters.get("limit", str(DEFAULT_LIMIT))
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MAX_LIMIT:
        raise wrong_limit()
    return int(text)


def wrong_limit() -> ValidationFailed:
    return wrong_parameter("limit", f"Input should be a whole number from 1 to {MAX_LIMIT}")


def encode_cursor(*parts: str | datetime | UUID) -> str:
    """Return a cursor that has these parts."""
    values = [_encoded(part) for part in parts]
    return (
        urlsafe_b64encode(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()).rstrip(b"=").decode()
    )


def decode_cursor(text: str, *kinds: type) -> tuple[Any, ...]:
    """Return the parts of a cursor, each of which is of its kind: str, datetime or UUID.

    Raises:
        ValidationFailed: the text is no cursor of such parts.
    """
    if len(text) > _MAX_CURSOR:
        raise _not_a_cursor()
    try:
        values = strict_json.loads(b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except ValueError:
        raise _not_a_cursor() from None
    if not isinstance(values, list) or len(values) != len(kinds):
        raise _not_a_cursor()
    return tuple(_decoded(value, kind) for value, kind in zip(values, kinds, strict=True))


def _encoded(part: str | datetime | UUID) -> str | int:
    return (part - _EPOCH) // _MICROSECOND if isinstance(part, datetime) else str(part)


def _decoded(value: object, kind: type) -> str | datetime | UUID:
    try:
        if kind is datetime and type(value) is int:
            return _EPOCH + value * _MICROSECOND
        if kind is UUID and isinstance(value, str):
            return UUID(value)
        if kind is str and isinstance(value, str) and "\0" not in value:
            return value
    except (ValueError, OverflowError):
        pass
    raise _not_a_cursor()


def _not_a_cursor() -> ValidationFailed:
    return wrong_parameter("after", "Input should be the `next` of a page in the same order")
