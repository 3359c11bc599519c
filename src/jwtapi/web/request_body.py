"""Bounds on what a request's body may take: bytes and time. uvicorn and Starlette have neither in our error shape."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 64 * 1024
SECONDS = 30


class BodyBounds:
    """Raises 413 when a body is too large, whatever its Content-Length says, and 408 when it is late.

    Both are HTTPExceptions: FastAPI answers 400 to any other exception that comes while it reads a body.
    """

    def __init__(self, app: ASGIApp, *, seconds: float = SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, _bounded(receive, self._seconds), send)


def _bounded(receive: Receive, seconds: float) -> Receive:
    deadline: float | None = None
    received = 0
    complete = False

    async def receive_within_bounds() -> Message:
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

    return receive_within_bounds
