"""The database. `read()` and `write()` open a block for one use case."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from sqlalchemy import func, select, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.errors import StorageUnavailable
from jwtapi.settings import Settings
from jwtapi.storage.connections import Connections
from jwtapi.storage.engine import (
    NOT_DURABLE,
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
from jwtapi.storage.migrations import Schema, schema_of, upgrade
from jwtapi.storage.rehearsal import rehearse_housekeeping, rehearse_login, write_beside
from jwtapi.storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

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


class Block(NamedTuple):
    """How a block on the database went. Times are in seconds."""

    writes: bool
    waited: float
    """Until it had a connection and, if it writes to SQLite, the lock of the writers."""
    lasted: float
    """From the beginning of the wait to the end of the block."""
    failed: bool
    """Whether it raised StorageUnavailable."""


class PoolState(NamedTuple):
    """The connections of this process."""

    most: int
    in_use: int
    waiting: int
    """Blocks that still wait for a connection, or for the lock of the writers."""


class Database:
    """Each method raises `StorageUnavailable`, within a bounded time, if the database cannot be reached or used."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = POOL_SIZE,
        statement_cache: int = STATEMENT_CACHE,
        wait_seconds: float = WAIT_SECONDS,
        on_block: Callable[[Block], None] | None = None,
    ) -> None:
        """`on_block` is called at the end of each block.

        Raises:
            StorageUnavailable: the file of an SQLite database cannot be opened.
        """
        self._url = url
        self._prepares = statement_cache > 0
        self._wait_seconds = wait_seconds
        self._on_block = on_block
        self._waiting = 0
        try:
            self._engine = open_engine(
                url, pool_size=pool_size, statement_cache=statement_cache, wait_seconds=wait_seconds
            )
        except OSError as error:
            raise StorageUnavailable from error
        self._writing = with_transactions(self._engine)
        self._connections = Connections(self._engine)
        # SQLite allows one writer at a time. Writers queue here, because this queue is fair and wakes the next writer
        # immediately. SQLite's own lock would be polled.
        self._writers: AbstractAsyncContextManager[None] = asyncio.Lock() if self.is_sqlite else nullcontext()
        self._subscribers: list[Callable[[Sequence[Event]], None]] = []

    @classmethod
    def of(cls, settings: Settings, *, on_block: Callable[[Block], None] | None = None) -> "Database":
        """Open the database that the settings name."""
        return cls(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool_size,
            statement_cache=settings.database_statement_cache,
            on_block=on_block,
        )

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def subscribe(self, listener: Callable[[Sequence[Event]], None]) -> None:
        """Call `listener` with the events of each unit of work of this process when it ends, committed or not."""
        self._subscribers.append(listener)

    def trace(self, tracer: "Tracer") -> None:
        """Make a span for each statement of a request that has a span."""
        from jwtapi.storage.statement_spans import trace_statements  # noqa: PLC0415  needs the extra `otel`

        trace_statements(self._engine, tracer)

    def connections(self) -> PoolState:
        pool: Any = self._engine.pool  # with both kinds of database the pool counts its connections
        return PoolState(most=pool.size(), in_use=pool.checkedout(), waiting=self._waiting)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """Open a block that changes nothing. Each statement sees everything that was committed before the statement."""
        async with self._block(writes=False) as connection:
            yield UnitOfWork(connection)

    def write(self, *, durable: bool = True) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a transaction: the end of the block commits, and an exception rolls back.

        Do nothing slow inside, because on SQLite nobody else can write meanwhile.

        With `durable=False` the block does not wait for the disk, and a power cut may undo it. Use it for statements
        that need no common transaction, because on PostgreSQL each one commits by itself, and that add no events.
        """
        return self._write_durably() if durable else self._write_without_waiting_for_the_disk()

    @asynccontextmanager
    async def _write_durably(self) -> AsyncIterator[UnitOfWork]:
        async with self._block(writes=True) as connection:
            uow = UnitOfWork(connection)
            try:
                async with connection.begin():
                    yield uow
            finally:
                # Call the listeners even if the commit failed: perhaps only its answer was lost, not the commit.
                for listener in self._subscribers if uow.events.added else ():
                    listener(uow.events.added)

    @asynccontextmanager
    async def _write_without_waiting_for_the_disk(self) -> AsyncIterator[UnitOfWork]:
        if self.is_sqlite:
            async with self._block(writes=True) as connection:
                await connection.execution_options(**{NOT_DURABLE: True})
                async with connection.begin():
                    yield UnitOfWork(connection)
        else:
            async with self.read() as uow:
                yield uow

    @asynccontextmanager
    async def _block(self, *, writes: bool) -> AsyncIterator[AsyncConnection]:
        """Open a connection. The block, with its wait for the connection, takes at most `wait_seconds`."""
        began = time.monotonic()
        connected: float | None = None
        failed = False
        self._waiting += 1
        try:
            engine, line = (self._writing, self._writers) if writes else (self._engine, nullcontext())
            async with self._bounded(), line, self._connections.connection(engine) as connection:
                self._waiting -= 1
                connected = time.monotonic()
                yield connection
        except StorageUnavailable:
            failed = True
            raise
        finally:
            ended = time.monotonic()
            if connected is None:
                self._waiting -= 1
                connected = ended
            if self._on_block is not None:
                self._on_block(Block(writes, connected - began, ended - began, failed))

    @asynccontextmanager
    async def dedicated_connection(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection outside any transaction for as long as the block lasts. It is not reused afterwards.

        The block limits the time of its own statements, and ends when `dedicated_connection_is_needed` returns True.
        The block begins only if the server grants another connection too, because the requests need one.
        """
        with _translate_driver_errors():
            spare = await self._connect()
            try:
                connection = await self._connect()
            except BaseException:
                await spare.close()
                raise
            try:
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
        async with self._block(writes=False) as connection:
            schema = await connection.run_sync(schema_of)
            if schema is Schema.OUTDATED:
                await connection.invalidate()  # it keeps the search_path that was set when it was opened
                raise OutdatedSchema
            return schema

    async def rehearse_login(self) -> None:
        """Make sure that the database would not make a login fail. Changes nothing.

        Raises:
            StorageUnavailable: the database would make it fail.
        """
        async with self._writing_alone() as connection:
            await rehearse_login(connection)
        if (path := sqlite_path(self._url)) is not None:
            async with self._bounded():
                await asyncio.to_thread(write_beside, path)

    async def rehearse_housekeeping(self) -> None:
        """As `rehearse_login`, for the rows that housekeeping deletes in the background."""
        async with self._writing_alone() as connection:
            await rehearse_housekeeping(connection)

    @asynccontextmanager
    async def _writing_alone(self) -> AsyncIterator[AsyncConnection]:
        async with self._block(writes=True) as connection, connection.begin():
            yield connection

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
        await self._engine.dispose()

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """Limit the block, with its waits for a connection and for locks, to `wait_seconds`."""
        with _translate_driver_errors():
            async with asyncio.timeout(self._wait_seconds):
                yield


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
    except (DataError, ProgrammingError) as error:
        if is_of_operator(error):
            raise StorageUnavailable from error
        raise  # a bug in our statements
    except IntegrityError:
        raise  # the repository that ran the statement handles it
    except (DBAPIError, PoolTimeoutError, TimeoutError, OSError) as error:
        raise StorageUnavailable from error
