"""Gives out the connections of a pool, also where the server grants no more of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from jwtapi.storage.faults import is_out_of_connections

_PATIENCE_SECONDS = 1.5
"""How long to wait for one that is given back: below WAIT_SECONDS, so that the server's refusal is what is told."""

_RETRY_SECONDS = 0.5


class Connections:
    """Where the server refuses another one (`too many connections`), requests wait in line for a free one.

    A pool knows only its own bound. It would pass the refusal on at once, though one of its own is free a moment later.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._given_back = asyncio.Event()
        self._line = asyncio.Lock()
        self._open = 0
        self._held = 0
        self.requests_need_held = False
        """The only connection is one that is kept for long, and a request wants it."""
        pool = engine.sync_engine.pool
        event.listen(pool, "checkin", lambda *_: self._given_back.set())
        event.listen(pool, "connect", lambda *_: self._count(1))
        event.listen(pool, "close", lambda *_: self._count(-1))

    @asynccontextmanager
    async def connection(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """One of the pool, by the options of `engine`.

        Raises:
            DBAPIError: among other things, there is none in time.
        """
        async with AsyncExitStack() as stack:
            yield await self._enter(stack, engine)

    @asynccontextmanager
    async def holding(self) -> AsyncIterator[None]:
        """Around the use of a connection that is kept for long."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self.requests_need_held = False

    async def _enter(self, stack: AsyncExitStack, engine: AsyncEngine) -> AsyncConnection:
        try:
            return await stack.enter_async_context(engine.connect())
        except DBAPIError as error:
            if not is_out_of_connections(error):
                raise
        until = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        async with self._line:  # one of them asks again, not all: each refusal costs the server a process
            while True:
                self._given_back.clear()
                try:
                    return await stack.enter_async_context(engine.connect())
                except DBAPIError as error:
                    left = until - asyncio.get_running_loop().time()
                    if not is_out_of_connections(error) or left <= 0:
                        raise
                self.requests_need_held = self._held > 0 and self._open <= self._held
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, _RETRY_SECONDS)):
                        await self._given_back.wait()

    def _count(self, change: int) -> None:
        # The pool's own numbers have those in them that were cut and not replaced.
        self._open += change
