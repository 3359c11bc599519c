"""The parameter `everywhere` of `/logout`."""

import re
from typing import Annotated

from fastapi import Depends, Request

from jwtapi.web.errors import ValidationFailed
from jwtapi.web.strip_query_and_cookies import QUERY

_EVERYWHERE = re.compile(rb"(?:^|&)everywhere(?:=([^&]*))?(?=&|$)")


async def get_everywhere(request: Request) -> bool:
    """Return whether the query asks to end all sessions. Other parameters are ignored, as on every path.

    Raises:
        ValidationFailed: the value is neither `true` nor `false`, or both were sent.
    """
    query: bytes = request.scope[QUERY]
    if not query:
        return False
    match set(_EVERYWHERE.findall(query)):  # takes linear time
        case values if values <= {b"false"}:
            return False
        case values if values == {b"true"}:
            return True
    raise ValidationFailed([{"field": "everywhere", "message": "Input should be true or false"}])


EverywhereDep = Annotated[bool, Depends(get_everywhere)]
