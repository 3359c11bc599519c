"""The database. `read` and `write` run a unit of work: a plain function that gets a UnitOfWork.

A unit runs without the event loop in between, so it awaits nothing. On SQLite it runs on another thread, and
perhaps again if the transaction was lost that it shared with others. So it changes nothing but the database.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar
from uuid import uuid4

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.errors import StorageUnavailable
from jwtapi.settings import Settings
from jwtapi.storage.connections import Connections
from jwtapi.storage.engine import (
    POOL_SIZE,
    STATEMENT_CACHE,
    WAIT_SECONDS,
    create_migration_engine,
    open_engine,
    sqlite_path,
    with_transactions,
)
from jwtapi.storage.events import Event
from jwtapi.storage.faults import is_of_operator
from jwtapi.storage.job import Job, PoolState
from jwtapi.storage.migrations import Schema, schema_of, upgrade
from jwtapi.storage.postgresql_units import PostgresqlUnits
from jwtapi.storage.rehearsal import rehearse_housekeeping, rehearse_login, write_beside
from jwtapi.storage.sqlite_units import SqliteUnits
from jwtapi.storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

T = TypeVar("T")

_CONNECTIONS = text("""
    SELECT least(
        current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true)::int, 0),
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)
    )
""")


class OutdatedSchema(Exception):
    """The database lacks migrations of this version."""


class Observation(NamedTuple):
    """How a unit of work went. Times are in seconds."""

    writes: bool
    waited: float
    """Until it had a connection and, if it writes to SQLite, the lock of the writers."""
    lasted: float
    """From the beginning of the wait to the end of the unit, or of its commit."""
    failed: bool
    """Whether StorageUnavailable was raised."""


class _Units(Protocol):
    """Runs units of work on one kind of database."""

    engine: Engine

    async def run(self, job: Job) -> Any: ...

    def state(self) -> PoolState: ...

    async def close(self) -> None: ...


class Database:
    """Each method raises `StorageUnavailable`, within a bounded time, if the database cannot be reached or used."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = POOL_SIZE,
        statement_cache: int = STATEMENT_CACHE,
        wait_seconds: float = WAIT_SECONDS,
        on_unit: Callable[[Observation], None] | None = None,
    ) -> None:
        """`on_unit` is called at the end of each unit of work.

        Raises:
            StorageUnavailable: the file of an SQLite database cannot be opened.
        """
        self._url = url
        self._prepares = statement_cache > 0
        self._wait_seconds = wait_seconds
        self._on_unit = on_unit
        self._subscribers: list[Callable[[Sequence[Event]], None]] = []
        try:
            self._engine = open_engine(
                url, pool_size=pool_size, statement_cache=statement_cache, wait_seconds=wait_seconds
            )
            self._connections = Connections(self._engine)
            self._units: _Units = (
                PostgresqlUnits(self._engine, self._connections, most=pool_size, on_events=self._announce)
                if (path := sqlite_path(url)) is None
                else SqliteUnits(path, wait_seconds=wait_seconds, on_events=self._announce)
            )
        except OSError as error:
            raise StorageUnavailable from error

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        wait_seconds: float = WAIT_SECONDS,
        on_unit: Callable[[Observation], None] | None = None,
    ) -> "Database":
        """Open the database that the settings name."""
        return cls(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool_size,
            statement_cache=settings.database_statement_cache,
            wait_seconds=wait_seconds,
            on_unit=on_unit,
        )

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @property
    def engine_of_units(self) -> Engine:
        """The engine of the connections that run units of work, for the events of SQLAlchemy."""
        return self._units.engine

    def subscribe(self, listener: Callable[[Sequence[Event]], None]) -> None:
        """Call `listener` with the events of each unit of work of this process when it ends, committed or not."""
        self._subscribers.append(listener)

    def trace(self, tracer: "Tracer") -> None:
        """Make a span for each statement of a request that has a span."""
        from jwtapi.storage.statement_spans import trace_statements  # noqa: PLC0415  needs the extra `otel`

        trace_statements(self.engine_of_units, tracer)

    def connections(self) -> PoolState:
        return self._units.state()

    async def read(self, unit: Callable[[UnitOfWork], T]) -> T:
        """Run a unit that changes nothing. Each statement sees everything that was committed before the statement."""
        result: T = await self._run(Job(unit, writes=False))
        return result

    async def write(self, unit: Callable[[UnitOfWork], T], *, durable: bool = True, autocommit: bool = False) -> T:
        """Run a unit as a transaction: its end commits, and an exception rolls back. On SQLite it writes alone.

        With `durable=False` nobody waits for the disk, and a power cut may undo the unit. With `autocommit=True` each
        statement commits by itself on PostgreSQL, which saves two round trips: for units of one changing statement.
        """
        result: T = await self._run(Job(unit, writes=True, durable=durable, autocommit=autocommit))
        return result

    async def _run(self, job: Job) -> Any:
        """Run a unit. With its wait for a connection it takes at most `wait_seconds`."""
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        failed = False
        try:
            async with asyncio.timeout(None) as timeout:
                # The time ends a turn of the loop later, because after a turn that was too long the answer may be there
                # already. Then a unit that is committed would look like an outage.
                expiry = loop.call_later(self._wait_seconds, loop.call_soon, _expire, timeout)
                try:
                    return await self._units.run(job)
                finally:
                    expiry.cancel()
        except Exception as error:
            failed = _is_outage(error)
            if failed:
                raise StorageUnavailable from error
            raise
        finally:
            if self._on_unit is not None:
                ended = time.monotonic()
                begun = job.begun_at if job.begun_at is not None else ended
                self._on_unit(Observation(job.writes, begun - began, ended - began, failed))

    def _announce(self, events: Sequence[Event]) -> None:
        for listener in self._subscribers:
            listener(events)

    @asynccontextmanager
    async def dedicated_connection(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection outside any transaction for as long as the block lasts. It is not reused afterwards.

        The block limits the time of its own statements, and ends when `dedicated_connection_is_needed` returns True.
        On PostgreSQL the block begins only if the server grants another connection too, because the requests need one.
        """
        with _translate_driver_errors():
            spare = await self._connect() if not self.is_sqlite else None
            try:
                connection = await self._connect()
            except BaseException:
                if spare is not None:
                    await spare.close()
                raise
            try:
                if spare is not None:
                    await spare.close()  # it goes back into the pool
                async with self._connections.dedicated():
                    yield connection
            finally:
                await connection.invalidate()
                await connection.close()

    def dedicated_connection_is_needed(self) -> bool:
        """Return whether the dedicated connection is the only one left while a request waits for a connection."""
        return self._connections.dedicated_is_needed

    async def _connect(self) -> AsyncConnection:
        connecting = asyncio.create_task(self._engine.connect().start())
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await asyncio.shield(connecting)
        except BaseException:
            # Wait until the attempt ends, even if its result is no longer needed: a thread of SQLite's driver will
            # deliver the result, and the event loop must still run then.
            await asyncio.wait([connecting])
            if connecting.exception() is None:
                await connecting.result().close()
            raise

    async def check(self) -> Schema:
        """Make sure that the database answers, and return whether its schema is of this version or of a later one.

        Raises:
            StorageUnavailable: the database does not answer.
            OutdatedSchema: the schema is of an earlier version, or there is none.
            UnusableSchema: the database has tables that jwtapi did not make.
        """
        return await self.read(_usable_schema)

    async def rehearse_login(self) -> None:
        """Make sure that the database would not make a login fail. Changes nothing.

        Raises:
            StorageUnavailable: the database would make it fail.
        """
        await self.write(lambda uow: rehearse_login(uow.connection))
        if (path := sqlite_path(self._url)) is not None:
            async with self._bounded():
                await asyncio.to_thread(write_beside, path)

    async def rehearse_housekeeping(self) -> None:
        """As `rehearse_login`, for the rows that housekeeping deletes in the background."""
        await self.write(lambda uow: rehearse_housekeeping(uow.connection))

    async def rehearse_pooler(self) -> None:
        """Make sure that each connection has its own prepared statements. Behind some poolers connections share them.

        Raises:
            StorageUnavailable: connections share prepared statements, or the database does not answer.
        """
        if self.is_sqlite or not self._prepares:
            return
        import asyncpg  # noqa: PLC0415  only PostgreSQL needs it

        async with self._bounded(), self._engine.connect() as one:
            if not await _is_pooled(one):
                return
            async with self._engine.connect() as another:
                name = f"jwtapi_{uuid4().hex}"
                try:
                    for connection in (one, another):
                        statement = await (await _driver_of(connection)).prepare("SELECT 1", name=name)
                        await statement.fetch()  # before that, a pooler does not change its server
                except asyncpg.PostgresError as error:
                    raise StorageUnavailable from error

    async def connection_limit(self) -> int | None:
        """Return how many connections the database grants to all clients that sign in with our role.

        Returns None for SQLite and behind a pooler, where this number does not matter.
        """
        if self.is_sqlite:
            return None
        async with self._bounded(), self._engine.connect() as connection:
            if await _is_pooled(connection):
                return None
            return int((await connection.execute(_CONNECTIONS)).scalar_one())

    async def migrate(self) -> None:
        """Bring the schema up to date, without a time limit. One of several processes does it, and the others wait.

        Raises:
            StorageUnavailable: the database does not answer.
            UnusableSchema: the database has tables that jwtapi did not make. It was not changed.
        """
        engine = create_migration_engine(self._url)
        try:
            with _translate_driver_errors():
                async with with_transactions(engine).begin() as connection:
                    await connection.run_sync(upgrade)
        finally:
            await engine.dispose()

    async def close(self) -> None:
        await self._units.close()
        await self._engine.dispose()

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """Limit the block, with its waits for a connection and for locks, to `wait_seconds`."""
        with _translate_driver_errors():
            async with asyncio.timeout(self._wait_seconds):
                yield


def _expire(timeout: asyncio.Timeout) -> None:
    with suppress(RuntimeError):  # the block has ended
        timeout.reschedule(0)


def _usable_schema(uow: UnitOfWork) -> Schema:
    schema = schema_of(uow.connection)
    if schema is Schema.OUTDATED:
        uow.connection.invalidate()  # it keeps the search_path that was set when it was opened
        raise OutdatedSchema
    return schema


async def _is_pooled(connection: AsyncConnection) -> bool:
    """Return whether there is a pooler in between: it reports another process id than the server's."""
    process = (await connection.execute(select(func.pg_backend_pid()))).scalar_one()
    return bool(process != (await _driver_of(connection)).get_server_pid())


async def _driver_of(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection


@contextmanager
def _translate_driver_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if _is_outage(error):
            raise StorageUnavailable from error
        raise


def _is_outage(error: Exception) -> bool:
    """Return whether the database cannot be reached or used. Other errors come from the unit, or from a bug."""
    match error:
        case DataError() | ProgrammingError():
            return is_of_operator(error)
        case IntegrityError():
            return False  # the repository that ran the statement handles it
        case _:
            return isinstance(error, DBAPIError | sqlite3.Error | PoolTimeoutError | TimeoutError | OSError)
