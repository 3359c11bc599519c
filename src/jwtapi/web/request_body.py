"""Limits the size of a request body and the time that it takes to arrive.

uvicorn has no such limits. FastAPI can limit the size, but responds in plain text instead of the form of our errors.
"""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 64 * 1024
SECONDS = 30


class RequestBodyLimits:
    """Raises 413 if a body is too large, also without a Content-Length, and 408 if it does not arrive in time.

    Both are HTTPExceptions, because FastAPI responds 400 to any other exception while it reads a body.
    """

    def __init__(self, app: ASGIApp, *, seconds: float = SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, _limited(receive, self._seconds), send)


def _limited(receive: Receive, seconds: float) -> Receive:
    deadline: float | None = None
    received = 0
    complete = False

    async def receive_within_limits() -> Message:
        nonlocal deadline, received, complete
        if complete:
            return await receive()
        if deadline is None:
            deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        received += len(message.get("body", b""))
        if received > MAX_BYTES:
            raise HTTPException(413, headers={"Connection": "close"})
        complete = not message.get("more_body", False)
        return message

    return receive_within_limits
