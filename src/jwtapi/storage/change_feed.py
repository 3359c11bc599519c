"""Hears of what other processes commit: follows the end of the events table, woken at once or by a short poll."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database
from jwtapi.storage.engine import WAIT_SECONDS
from jwtapi.storage.faults import reason_of
from jwtapi.storage.records import Event, EventType
from jwtapi.storage.repositories.events import EventRepository

POLL_SECONDS = 0.05
"""How long a change may go unheard where nothing wakes us."""

SILENCE_SECONDS = 5
"""How long the database may say nothing, not even that nothing happened, before the feed no longer counts as live."""

_RETRY_SECONDS = 0.5
_CHANNEL = "jwtapi_events"

log = structlog.get_logger()


class ChangeFeed:
    def __init__(
        self,
        database: Database,
        types: Collection[EventType],
        *,
        on_events: Callable[[Sequence[Event]], None],
        on_gap: Callable[[], None],
        on_interruption: Callable[[], None] = lambda: None,
    ) -> None:
        """Hand each event of `types` that anybody commits to `on_events`; call `on_gap` where some may be missing.

        `on_interruption` is called once for each time that nothing is heard any more.
        """
        self._database = database
        self._types = types
        self._on_events = on_events
        self._on_gap = on_gap
        self._on_interruption = on_interruption
        self._made_at = time.monotonic()
        self._heard_at = float("-inf")
        self._is_interrupted = False
        self._has_to_announce = False
        self._wake = asyncio.Event()
        database.subscribe(self._announce)

    def is_live(self) -> bool:
        """Tell whether changes of the last seconds would have been heard of."""
        return time.monotonic() - self._heard_at < SILENCE_SECONDS

    def silence(self) -> float:
        """Seconds since the database last said what is new, or that nothing is."""
        return time.monotonic() - max(self._heard_at, self._made_at)

    async def follow(self) -> None:
        """Follow the events until cancelled, whatever happens to the database meanwhile."""
        while True:
            try:
                async with self._database.hold_connection() as connection:
                    await self._follow(EventRepository(connection), await _open_tail(connection, self._wake))
                if not self._is_interrupted:
                    log.warning("changes made elsewhere go unheard", cause="requests need the only connection")
            except StorageUnavailable as error:
                if not self._is_interrupted:
                    log.warning("changes made elsewhere go unheard", cause=reason_of(error))
            except Exception:
                if not self._is_interrupted:
                    log.exception("following the changes failed")
            # The first time again at once: perhaps only a connection broke, and until there is one nothing is heard.
            if not self._is_interrupted:
                self._on_interruption()
            await asyncio.sleep(_RETRY_SECONDS if self._is_interrupted else 0)
            self._is_interrupted = True

    async def _follow(self, events: EventRepository, tail: "_Tail") -> None:
        """Until requests need the connection."""
        async with asyncio.timeout(WAIT_SECONDS):
            position = await events.end()
        self._on_gap()  # what was committed until now was not heard of
        while not self._database.wants_connection_back():
            await self._sleep()
            asked_at = time.monotonic()
            async with asyncio.timeout(WAIT_SECONDS):
                if self._has_to_announce:
                    self._has_to_announce = False
                    await tail.announce()
                if await tail.may_have_grown():
                    new, position = await events.since(position, self._types)
                    if new:
                        self._on_events(new)
            self._heard_at = asked_at
            if self._is_interrupted:
                self._is_interrupted = False
                log.info("hearing of changes again")

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _announce(self, events: Sequence[Event]) -> None:
        if any(event.type in self._types for event in events):
            self._has_to_announce = True
            self._wake.set()


class _Tail(Protocol):
    async def may_have_grown(self) -> bool:
        """Tell, at little cost, whether it is worth while to look for events."""

    async def announce(self) -> None:
        """Wake the others who follow."""


class _SqliteTail:
    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._version: Any = None

    async def may_have_grown(self) -> bool:
        # A counter in shared memory that every commit of another connection moves on. Asked of the driver itself, for
        # it is asked all the time.
        version = await self._driver.execute_fetchall("PRAGMA data_version")
        self._version, before = version, self._version
        return bool(version != before)

    async def announce(self) -> None:
        """Nobody can be woken; they poll."""


class _PostgresqlTail:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def may_have_grown(self) -> bool:
        return True

    async def announce(self) -> None:
        # By itself, not in the transaction of the change: there it would make all such commits wait for each other.
        await self._connection.exec_driver_sql(f"NOTIFY {_CHANNEL}")


async def _open_tail(connection: AsyncConnection, wake: asyncio.Event) -> _Tail:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    if connection.dialect.name == "sqlite":
        return _SqliteTail(driver)
    # A pooler between us and the server may swallow this; then the poll is what hears.
    await driver.add_listener(_CHANNEL, lambda *_: wake.set())
    return _PostgresqlTail(connection)
