"""Opens transactions: `read()` and `write()`, a block for a use-case."""

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
    HASTY,
    POOL_SIZE,
    STATEMENT_CACHE,
    WAIT_SECONDS,
    open_engine,
    open_patient_engine,
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
    """How a block on the database went; times are in seconds."""

    writes: bool
    waited: float
    """Until it had a connection, and on SQLite the lock of those that write."""
    lasted: float
    """Waits included."""
    failed: bool
    """It ended as StorageUnavailable."""


class PoolState(NamedTuple):
    """The connections of this process."""

    most: int
    in_use: int
    waiting: int
    """Blocks that have none yet, or not yet the lock of those that write."""


class Database:
    """Every failure to reach or use the database leaves here as `StorageUnavailable`, in bounded time."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = POOL_SIZE,
        statement_cache: int = STATEMENT_CACHE,
        wait_seconds: float = WAIT_SECONDS,
        on_block: Callable[[Block], None] | None = None,
    ) -> None:
        """`on_block` is told of each block when it is over.

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
        # SQLite has one writer at a time. Waiting in line here is fair and wakes at once; its own lock is polled.
        self._writers: AbstractAsyncContextManager[None] = asyncio.Lock() if self.is_sqlite else nullcontext()
        self._subscribers: list[Callable[[Sequence[Event]], None]] = []

    @classmethod
    def of(cls, settings: Settings, *, on_block: Callable[[Block], None] | None = None) -> "Database":
        """The one that the settings name."""
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
        """Call `listener` with the events of each unit of work of this process when it is over, committed or not."""
        self._subscribers.append(listener)

    def trace(self, tracer: "Tracer") -> None:
        """Give each statement of a request that has a span one of its own."""
        from jwtapi.storage.statement_spans import trace_statements  # noqa: PLC0415  an extra

        trace_statements(self._engine, tracer)

    def connections(self) -> PoolState:
        pool: Any = self._engine.pool  # both kinds of database have one that counts
        return PoolState(most=pool.size(), in_use=pool.checkedout(), waiting=self._waiting)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """A block that changes nothing. Each of its statements sees what was committed before it."""
        async with self._block(writes=False) as connection:
            yield UnitOfWork(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[UnitOfWork]:
        """A transaction: leaving the block commits, an exception rolls back.

        Nothing slow belongs inside: on SQLite nobody else can write meanwhile.
        """
        async with self._block(writes=True) as connection:
            uow = UnitOfWork(connection)
            try:
                async with connection.begin():
                    yield uow
            finally:
                # Also when the commit failed: its answer may have been lost, and not the commit.
                for listener in self._subscribers if uow.events.added else ():
                    listener(uow.events.added)

    @asynccontextmanager
    async def write_hastily(self) -> AsyncIterator[UnitOfWork]:
        """For single statements whose effect a power cut may undo, and that no disk is waited for."""
        if self.is_sqlite:
            async with self._block(writes=True) as connection:
                await connection.execution_options(**{HASTY: True})
                async with connection.begin():
                    yield UnitOfWork(connection)
        else:
            async with self.read() as uow:
                yield uow

    @asynccontextmanager
    async def _block(self, *, writes: bool) -> AsyncIterator[AsyncConnection]:
        """A connection; everything inside, waiting for it included, takes no longer than `wait_seconds`."""
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
    async def hold_connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection outside any transaction, for as long as the block lasts; it is not used again afterwards.

        What is done with it has to bound its own time, and to leave the block when `wants_connection_back` says so. It
        is never the last one that the server grants: there is one more, for the requests.
        """
        with _faults_translated():
            spare = await self._connect()
            try:
                connection = await self._connect()
            except BaseException:
                await spare.close()
                raise
            try:
                await spare.close()  # back into the pool
                async with self._connections.holding():
                    yield connection
            finally:
                await connection.invalidate()
                await connection.close()

    def wants_connection_back(self) -> bool:
        """Tell whether the connection that is held is the only one left, and a request wants it."""
        return self._connections.should_give_back

    async def _connect(self) -> AsyncConnection:
        connecting = asyncio.create_task(self._engine.connect().start())
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await asyncio.shield(connecting)
        except BaseException:
            # Seen to its end also when nobody wants it any more: SQLite's driver has a thread that will answer, and
            # must find the event loop.
            await asyncio.wait([connecting])
            if connecting.exception() is None:
                await connecting.result().close()
            raise

    async def check(self) -> Schema:
        """Make sure that the database answers and has this version's schema, or a later one; say which of the two.

        Raises:
            StorageUnavailable: it does not answer.
            OutdatedSchema: it does, with an earlier schema or none.
            UnusableSchema: it does, with what jwtapi did not make.
        """
        async with self._block(writes=False) as connection:
            schema = await connection.run_sync(schema_of)
            if schema is Schema.OUTDATED:
                await connection.invalidate()  # its search_path is that of its first moment
                raise OutdatedSchema
            return schema

    async def rehearse_login(self) -> None:
        """Make sure that a login would not fail for the database; leaves nothing behind.

        Raises:
            StorageUnavailable: it would.
        """
        async with self._writing_alone() as connection:
            await rehearse_login(connection)
        if (path := sqlite_path(self._url)) is not None:
            async with self._bounded():
                await asyncio.to_thread(write_beside, path)

    async def rehearse_housekeeping(self) -> None:
        """As `rehearse_login`, of what is deleted in the background."""
        async with self._writing_alone() as connection:
            await rehearse_housekeeping(connection)

    @asynccontextmanager
    async def _writing_alone(self) -> AsyncIterator[AsyncConnection]:
        async with self._block(writes=True) as connection, connection.begin():
            yield connection

    async def rehearse_pooler(self) -> None:
        """Make sure that connections do not share what they prepare, as behind a pooler that keeps no statements.

        Raises:
            StorageUnavailable: they do, or the database does not answer.
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
                        await statement.fetch()  # until then a pooler leaves it its server
                except asyncpg.PostgresError as error:
                    raise StorageUnavailable from error

    async def connections_for_us(self) -> int | None:
        """How many connections the database gives our role and whoever shares them; None if that is no matter.

        It is none on SQLite, and behind a pooler.
        """
        if self.is_sqlite:
            return None
        async with self._bounded(), self._engine.connect() as connection:
            if await _is_pooled(connection):
                return None
            return int((await connection.execute(_CONNECTIONS)).scalar_one())

    async def migrate(self) -> None:
        """Bring the schema up to date. Of several at once one does it and the others wait; it may take its time.

        Raises:
            StorageUnavailable: the database does not answer.
            UnusableSchema: it has what jwtapi did not make, and is as it was.
        """
        engine = open_patient_engine(self._url)
        try:
            with _faults_translated():
                async with with_transactions(engine).begin() as connection:
                    await connection.run_sync(upgrade)
        finally:
            await engine.dispose()

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """Everything inside, waiting for a connection or a lock included, takes no longer than `wait_seconds`."""
        with _faults_translated():
            async with asyncio.timeout(self._wait_seconds):
                yield


async def _is_pooled(connection: AsyncConnection) -> bool:
    """Tell whether a pooler is between: it tells clients of a process that is not the server's."""
    process = (await connection.execute(select(func.pg_backend_pid()))).scalar_one()
    return bool(process != (await _driver_of(connection)).get_server_pid())


async def _driver_of(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection


@contextmanager
def _faults_translated() -> Iterator[None]:
    try:
        yield
    except (DataError, ProgrammingError) as error:
        if is_of_operator(error):
            raise StorageUnavailable from error
        raise  # faults of ours
    except IntegrityError:
        raise  # as well
    except (DBAPIError, PoolTimeoutError, TimeoutError, OSError) as error:
        raise StorageUnavailable from error
