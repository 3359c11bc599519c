"""The parameters of the query, which middleware hides from FastAPI."""

import re
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request

from jwtapi.features.revocations.schemas import EXAMPLE_CURSOR
from jwtapi.features.revocations.service import MAX_WAIT
from jwtapi.web.errors import ValidationFailed
from jwtapi.web.strip_query_and_cookies import QUERY

_PARAMETERS = re.compile(rb"(?:^|&)(after|wait)=([^&]*)")
_SECONDS = re.compile(rb"[0-9]{1,2}")

QUERY_DOCUMENTATION: dict[str, Any] = {
    "parameters": [
        {
            "name": "after",
            "in": "query",
            "description": "The `cursor` of the last answer. Leave it out the first time.",
            "schema": {"type": "string"},
            "example": EXAMPLE_CURSOR,
        },
        {
            "name": "wait",
            "in": "query",
            "description": "If there is nothing new, how many seconds to wait for it before an answer without entries.",
            "schema": {"type": "integer", "minimum": 0, "maximum": MAX_WAIT, "default": 0},
            "example": 0,
        },
    ]
}


class Query(NamedTuple):
    after: str | None
    wait: int


async def get_query(request: Request) -> Query:
    """Read the query. Other parameters are ignored, as on every path. Any text may be a cursor.

    Raises:
        ValidationFailed: a parameter occurs twice, or `wait` is no whole number of seconds within its bounds.
    """
    pairs: list[tuple[bytes, bytes]] = _PARAMETERS.findall(request.scope[QUERY])  # takes linear time
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise ValidationFailed([{"field": pairs[-1][0].decode(), "message": "Input should occur once"}])
    after, wait = parameters.get(b"after"), parameters.get(b"wait", b"0")
    if not _SECONDS.fullmatch(wait) or int(wait) > MAX_WAIT:
        raise ValidationFailed([{"field": "wait", "message": f"Input should be a whole number from 0 to {MAX_WAIT}"}])
    return Query(after.decode("latin-1") if after else None, int(wait))


QueryDep = Annotated[Query, Depends(get_query)]
