"""Opens transactions: `read()` and `write()`, a block for a use-case."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from alembic.util import CommandError
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.engine import WAIT_SECONDS, WRITE, open_engine
from jwtapi.storage.migrations import current_revision, head_revision, upgrade
from jwtapi.storage.unit_of_work import UnitOfWork


class OutdatedSchema(Exception):
    """The database has not the schema of this version."""


class Database:
    """Every failure to reach or use the database leaves here as `StorageUnavailable`, in bounded time."""

    def __init__(self, url: str) -> None:
        """Raises StorageUnavailable if the file of an SQLite database cannot be opened."""
        try:
            self._engine = open_engine(url)
        except OSError as error:
            raise StorageUnavailable from error
        # SQLite has one writer at a time. Waiting in line here is fair and wakes at once; its own lock is polled.
        self._writers: asyncio.Lock | nullcontext[None] = asyncio.Lock() if self.is_sqlite else nullcontext()

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """A block that changes nothing."""
        async with _faults_translated(), self._engine.connect() as connection:
            yield UnitOfWork(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[UnitOfWork]:
        """A transaction: leaving the block commits, an exception rolls back.

        Nothing slow belongs inside: on SQLite nobody else can write meanwhile.
        """
        async with self._transaction() as connection:
            yield UnitOfWork(connection)

    async def check(self) -> None:
        """Make sure that the database answers and has this version's schema.

        Raises:
            StorageUnavailable: it does not answer.
            OutdatedSchema: it does, with another schema.
        """
        async with _faults_translated(), self._engine.connect() as connection:
            if await connection.run_sync(current_revision) != head_revision():
                raise OutdatedSchema

    async def migrate(self) -> None:
        """Bring the schema up to date. Of several at once one does it and the others wait.

        Raises:
            StorageUnavailable: the database does not answer.
            OutdatedSchema: it has a schema that this version does not know; a later one made it.
        """
        async with self._transaction() as connection:
            try:
                await connection.run_sync(upgrade)
            except CommandError as error:
                raise OutdatedSchema from error

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        async with _faults_translated(), self._writer(), self._engine.connect() as connection:
            await connection.execution_options(**{WRITE: True})
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def _writer(self) -> AsyncIterator[None]:
        async with asyncio.timeout(WAIT_SECONDS) as patience, self._writers:
            patience.reschedule(None)
            yield


@asynccontextmanager
async def _faults_translated() -> AsyncIterator[None]:
    try:
        yield
    except (DataError, IntegrityError, ProgrammingError):
        raise  # faults of ours
    except (DBAPIError, PoolTimeoutError, TimeoutError, OSError) as error:
        raise StorageUnavailable from error
