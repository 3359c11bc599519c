"""Holds units of work where a test needs them, while others work."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.util import await_only

from jwtapi.storage.unit_of_work import UnitOfWork


class Gate:
    """Units of work wait at it until it opens: those of SQLite on their thread, those of PostgreSQL in a greenlet."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_open = asyncio.Event()
        self._is_open_for_threads = threading.Event()
        self.reached = asyncio.Event()
        """Set when the first unit waits."""

    def hold(self, uow: UnitOfWork) -> None:
        """Wait. This is a unit of work."""
        self.wait(uow.connection)

    def wait(self, connection: Connection) -> None:
        """Wait, inside a unit of work on this connection."""
        self._loop.call_soon_threadsafe(self.reached.set)
        if connection.dialect.is_async:
            await_only(self._is_open.wait())
        else:
            self._is_open_for_threads.wait()

    def open(self) -> None:
        self._is_open.set()
        self._is_open_for_threads.set()


@asynccontextmanager
async def held(
    run: Callable[[Callable[[UnitOfWork], Any]], Awaitable[Any]],
    unit: Callable[[UnitOfWork], object] = lambda _: None,
    then: Callable[[UnitOfWork], object] = lambda _: None,
) -> AsyncIterator[None]:
    """Run one unit of work, such as by `database.write`, that does `unit` before the block and `then` after it."""
    gate = Gate()

    def whole(uow: UnitOfWork) -> None:
        unit(uow)
        gate.hold(uow)
        then(uow)

    async def run_whole() -> None:
        await run(whole)

    running, reaching = asyncio.create_task(run_whole()), asyncio.create_task(gate.reached.wait())
    try:
        await asyncio.wait((running, reaching), return_when=asyncio.FIRST_COMPLETED)
        reaching.cancel()
        if running.done():
            await running  # raises what went wrong
        yield
    finally:
        gate.open()
        await running
