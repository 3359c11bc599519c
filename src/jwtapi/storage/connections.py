"""Opens connections of a pool, and waits for a free one if the server refuses to open more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from jwtapi.storage.faults import is_out_of_connections

_MAX_WAIT_SECONDS = 1.5
"""How long to wait for a free connection. Shorter than WAIT_SECONDS, so that the error is the server's refusal."""

_RETRY_SECONDS = 0.5


class Connections:
    """If the server refuses a new connection (`too many connections`), requests queue for a free one of the pool.

    The pool itself knows only its own limit. It would fail immediately, although one of its connections may be free a
    moment later.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._freed = asyncio.Event()
        self._queue = asyncio.Lock()
        self._open = 0
        self._dedicated = 0
        self.dedicated_is_needed = False
        """Whether all open connections are dedicated ones while a request waits for a connection."""
        pool = engine.sync_engine.pool
        event.listen(pool, "checkin", lambda *_: self._freed.set())
        event.listen(pool, "connect", lambda *_: self._count(1))
        event.listen(pool, "close", lambda *_: self._count(-1))

    @asynccontextmanager
    async def free_connection(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """Wait until a connection of the pool is free, and open it with the options of `engine`.

        Call it after the server has refused to open another one.

        Raises:
            DBAPIError: for example, no connection became free in time.
        """
        async with AsyncExitStack() as stack:
            yield await self._enter(stack, engine)

    @asynccontextmanager
    async def dedicated(self) -> AsyncIterator[None]:
        """Mark one connection as dedicated for as long as the block lasts."""
        self._dedicated += 1
        try:
            yield
        finally:
            self._dedicated -= 1
            self.dedicated_is_needed = False

    async def _enter(self, stack: AsyncExitStack, engine: AsyncEngine) -> AsyncConnection:
        until = asyncio.get_running_loop().time() + _MAX_WAIT_SECONDS
        async with self._queue:  # only one request tries again, because each refusal costs the server a process
            while True:
                self._freed.clear()
                try:
                    return await stack.enter_async_context(engine.connect())
                except DBAPIError as error:
                    left = until - asyncio.get_running_loop().time()
                    if not is_out_of_connections(error) or left <= 0:
                        raise
                self.dedicated_is_needed = self._dedicated > 0 and self._open <= self._dedicated
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, _RETRY_SECONDS)):
                        await self._freed.wait()

    def _count(self, change: int) -> None:
        # The pool's own numbers include connections that were closed and not replaced.
        self._open += change
