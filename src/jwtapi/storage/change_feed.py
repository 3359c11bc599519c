"""Delivers the events that other processes commit: reads new rows of the events table when notified, or by polling."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, Protocol

import structlog
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database
from jwtapi.storage.engine import WAIT_SECONDS
from jwtapi.storage.events import Event, EventRepository, EventType
from jwtapi.storage.faults import reason_of

POLL_SECONDS = 0.05
"""How late a change may arrive if no notification comes."""

SILENCE_SECONDS = 5
"""If no poll has succeeded for so long, the feed no longer counts as live."""

_RETRY_SECONDS = 0.5
_CHANNEL = "jwtapi_events"

log = structlog.get_logger()


class _Subscriber(NamedTuple):
    accepts: Callable[[EventType], bool]
    on_events: Callable[[Sequence[Event]], None]
    on_gap: Callable[[], None]


class ChangeFeed:
    """Each process has one feed, on one connection, for all its subscribers."""

    def __init__(
        self,
        database: Database,
        *,
        on_interruption: Callable[[], None] = lambda: None,
        poll_seconds: float = POLL_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """`on_interruption` is called at the start of each interruption."""
        self._database = database
        self._on_interruption = on_interruption
        self._poll_seconds = poll_seconds
        self._silence_seconds = silence_seconds
        self._subscribers: list[_Subscriber] = []
        self._created_at = time.monotonic()
        self._polled_at = float("-inf")
        self._is_interrupted = False
        self._has_to_notify = False
        self._wake = asyncio.Event()
        database.subscribe(self._notify_later)

    def subscribe(
        self,
        accepts: Callable[[EventType], bool],
        *,
        on_events: Callable[[Sequence[Event]], None],
        on_gap: Callable[[], None],
    ) -> None:
        """Register callbacks for the events that any process commits. Call it before `run` begins.

        `on_events` gets the events for whose type `accepts` returns True, perhaps with other events too. It always gets
        events of types that only a later version declares. `on_gap` is called when events may have been missed.
        """
        self._subscribers.append(_Subscriber(accepts, on_events, on_gap))

    def is_live(self) -> bool:
        """Return whether every change has arrived, except those of the last seconds."""
        return time.monotonic() - self._polled_at < self._silence_seconds

    def silence(self) -> float:
        """Return the seconds since the last successful poll."""
        return time.monotonic() - max(self._polled_at, self._created_at)

    async def run(self) -> None:
        """Follow the events until cancelled. Failures of the database do not end it."""
        while True:
            try:
                async with self._database.dedicated_connection() as connection:
                    await self._follow(connection, await _open_signal(connection, self._wake))
                if not self._is_interrupted:
                    log.warning("changes of other processes do not arrive", cause="requests need the only connection")
            except StorageUnavailable as error:
                if not self._is_interrupted:
                    log.warning("changes of other processes do not arrive", cause=reason_of(error))
            except Exception:
                if not self._is_interrupted:
                    log.exception("reading the changes of other processes failed")
            # Retry the first failure immediately: often only the connection broke, and we miss changes until there is a
            # new one.
            if not self._is_interrupted:
                self._on_interruption()
            await asyncio.sleep(_RETRY_SECONDS if self._is_interrupted else 0)
            self._is_interrupted = True

    async def _follow(self, connection: AsyncConnection, signal: "_ChangeSignal") -> None:
        """Deliver new events until requests need the connection."""
        async with asyncio.timeout(WAIT_SECONDS):
            position = await connection.run_sync(lambda sync: EventRepository(sync).end())
        ignored = self._ignored_types()
        for subscriber in self._subscribers:
            subscriber.on_gap()  # events before `position` were not delivered
        while not self._database.dedicated_connection_is_needed():
            await self._sleep()
            asked_at = time.monotonic()
            async with asyncio.timeout(WAIT_SECONDS):
                if self._has_to_notify:
                    self._has_to_notify = False
                    await signal.notify()
                if await signal.poll():
                    new, position = await connection.run_sync(_events_since, position, ignored)
                    for subscriber in self._subscribers if new else ():
                        subscriber.on_events(new)
            self._polled_at = asked_at
            if self._is_interrupted:
                self._is_interrupted = False
                log.info("changes of other processes arrive again")

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(self._poll_seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _notify_later(self, events: Sequence[Event]) -> None:
        if any(self._is_accepted(event.type) for event in events):
            self._has_to_notify = True
            self._wake.set()

    def _ignored_types(self) -> Collection[str]:
        """The names of the declared types that no subscriber accepts."""
        return [name for name in EventType.declared() if not self._is_accepted(name)]

    def _is_accepted(self, name: str) -> bool:
        """Return whether a subscriber accepts a type of event. All accept types that only a later version declares."""
        type_ = EventType.declared().get(name)
        return type_ is None or any(subscriber.accepts(type_) for subscriber in self._subscribers)


def _events_since(connection: Connection, position: str, ignored: Collection[str]) -> tuple[list[Event], str]:
    return EventRepository(connection).since(position, ignored=ignored)


class _ChangeSignal(Protocol):
    async def poll(self) -> bool:
        """Return quickly whether there may be new events."""

    async def notify(self) -> None:
        """Wake the feeds of other processes."""


class _SqliteSignal:
    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._version: Any = None

    async def poll(self) -> bool:
        # A counter in shared memory, which each commit of another connection increases. We ask the driver itself,
        # because this runs 20 times a second.
        version = await self._driver.execute_fetchall("PRAGMA data_version")
        self._version, before = version, self._version
        return bool(version != before)

    async def notify(self) -> None:
        """Do nothing: SQLite has no notifications, so other processes poll."""


class _PostgresqlSignal:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def poll(self) -> bool:
        return True

    async def notify(self) -> None:
        # A separate statement. In the transaction of the change, it would make all such commits wait for each other.
        await self._connection.exec_driver_sql(f"NOTIFY {_CHANNEL}")


async def _open_signal(connection: AsyncConnection, wake: asyncio.Event) -> _ChangeSignal:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    if connection.dialect.name == "sqlite":
        return _SqliteSignal(driver)
    # A pooler between us and the server may lose the notifications. Then the poll finds the events.
    await driver.add_listener(_CHANNEL, lambda *_: wake.set())
    return _PostgresqlSignal(connection)
