"""Reads the parameters of the query, which middleware hides from FastAPI."""

from collections.abc import Collection, Mapping
from urllib.parse import unquote_to_bytes

from fastapi import Request

from jwtapi.web.errors import ValidationFailed
from jwtapi.web.strip_query_and_cookies import QUERY

MAX_BYTES = 4096
"""Of a query that is read at all."""


def read_query(request: Request, names: Collection[str]) -> Mapping[str, str]:
    """Return the parameters with these names that were sent and are not empty. Others are ignored, as on every path.

    Raises:
        ValidationFailed: the query is too long, or a parameter occurs twice, is not UTF-8, or has a NUL character.
    """
    query: bytes = request.scope[QUERY]
    if len(query) > MAX_BYTES:
        raise wrong_parameter("query", f"Input should have at most {MAX_BYTES} bytes")
    parameters: dict[str, str] = {}
    for part in query.split(b"&"):
        key, _, value = part.partition(b"=")
        name = key.decode("latin-1")
        if name not in names:
            continue
        if name in parameters:
            raise wrong_parameter(name, "Input should occur once")
        parameters[name] = _text(name, value)
    return {name: text for name, text in parameters.items() if text}


def wrong_parameter(name: str, message: str) -> ValidationFailed:
    return ValidationFailed([{"field": name, "message": message}])


def _text(name: str, value: bytes) -> str:
    try:
        text = unquote_to_bytes(value.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise wrong_parameter(name, "Input should be UTF-8") from None
    if "\0" in text:  # PostgreSQL accepts none
        raise wrong_parameter(name, "Input should have no NUL character")
    return text
