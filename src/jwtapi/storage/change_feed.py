"""Hears of what other processes commit: follows the end of the events table, woken at once or by a short poll."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database
from jwtapi.storage.engine import WAIT_SECONDS
from jwtapi.storage.events import Event, EventRepository, EventType
from jwtapi.storage.faults import reason_of

POLL_SECONDS = 0.05
"""How long a change may go unheard where nothing wakes us."""

SILENCE_SECONDS = 5
"""How long the database may say nothing, not even that nothing happened, before the feed no longer counts as live."""

_RETRY_SECONDS = 0.5
_CHANNEL = "jwtapi_events"

log = structlog.get_logger()


class _Subscriber(NamedTuple):
    wants: Callable[[EventType], bool]
    on_events: Callable[[Sequence[Event]], None]
    on_gap: Callable[[], None]


class ChangeFeed:
    """One for each process, on one connection, however many subscribe."""

    def __init__(
        self,
        database: Database,
        *,
        on_interruption: Callable[[], None] = lambda: None,
        poll_seconds: float = POLL_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """`on_interruption` is called once for each time that changes no longer arrive."""
        self._database = database
        self._on_interruption = on_interruption
        self._poll_seconds = poll_seconds
        self._silence_seconds = silence_seconds
        self._subscribers: list[_Subscriber] = []
        self._made_at = time.monotonic()
        self._heard_at = float("-inf")
        self._is_interrupted = False
        self._has_to_notify = False
        self._wake = asyncio.Event()
        database.subscribe(self._notify_later)

    def subscribe(
        self,
        wants: Callable[[EventType], bool],
        *,
        on_events: Callable[[Sequence[Event]], None],
        on_gap: Callable[[], None],
    ) -> None:
        """Pass on what any process commits, before `run` begins.

        `on_events` gets the events of the types that `wants` accepts, perhaps with others; always those of types that
        only a later version declares. `on_gap` is called where events may be missing.
        """
        self._subscribers.append(_Subscriber(wants, on_events, on_gap))

    def is_live(self) -> bool:
        """Tell whether changes of the last seconds would have been heard of."""
        return time.monotonic() - self._heard_at < self._silence_seconds

    def silence(self) -> float:
        """Seconds since the database last said what is new, or that nothing is."""
        return time.monotonic() - max(self._heard_at, self._made_at)

    async def run(self) -> None:
        """Follow the events until cancelled, whatever happens to the database meanwhile."""
        while True:
            try:
                async with self._database.dedicated_connection() as connection:
                    await self._follow(EventRepository(connection), await _open_signal(connection, self._wake))
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

    async def _follow(self, events: EventRepository, signal: "_ChangeSignal") -> None:
        """Until requests need the connection."""
        async with asyncio.timeout(WAIT_SECONDS):
            position = await events.end()
        ignored = self._ignored_types()
        for subscriber in self._subscribers:
            subscriber.on_gap()  # nobody has read what was committed until now
        while not self._database.dedicated_connection_is_needed():
            await self._sleep()
            asked_at = time.monotonic()
            async with asyncio.timeout(WAIT_SECONDS):
                if self._has_to_notify:
                    self._has_to_notify = False
                    await signal.notify()
                if await signal.poll():
                    new, position = await events.since(position, ignored=ignored)
                    for subscriber in self._subscribers if new else ():
                        subscriber.on_events(new)
            self._heard_at = asked_at
            if self._is_interrupted:
                self._is_interrupted = False
                log.info("hearing of changes again")

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(self._poll_seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _notify_later(self, events: Sequence[Event]) -> None:
        ignored = self._ignored_types()
        if any(event.type not in ignored for event in events):
            self._has_to_notify = True
            self._wake.set()

    def _ignored_types(self) -> Collection[str]:
        """The names of the types that no subscriber wants."""
        return [
            name
            for name, type_ in EventType.declared().items()
            if not any(subscriber.wants(type_) for subscriber in self._subscribers)
        ]


class _ChangeSignal(Protocol):
    async def poll(self) -> bool:
        """Return, at little cost, whether there may be new events."""

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
        """SQLite cannot wake anybody. The others poll."""


class _PostgresqlSignal:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def poll(self) -> bool:
        return True

    async def notify(self) -> None:
        # A statement of its own. In the transaction of the change it would make all such commits wait for each other.
        await self._connection.exec_driver_sql(f"NOTIFY {_CHANNEL}")


async def _open_signal(connection: AsyncConnection, wake: asyncio.Event) -> _ChangeSignal:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    if connection.dialect.name == "sqlite":
        return _SqliteSignal(driver)
    # A pooler between us and the server may lose the notifications. Then the poll finds the events.
    await driver.add_listener(_CHANNEL, lambda *_: wake.set())
    return _PostgresqlSignal(connection)
