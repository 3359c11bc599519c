"""The source and the target of a copy: opening, reading and migrating them, and naming the one that causes an error."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Table, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from jwtapi.storage.engine import create_migration_engine, sqlite_path, with_transactions
from jwtapi.storage.migrations import Schema, UnusableSchema, schema_of, upgrade

PAGE = 1000
"""How many rows of a table are in memory at a time. One transaction writes as many."""

Rows = dict[Any, Row[Any]]
"""Rows by their keys, in the order of the keys."""


class CannotCopy(Exception):
    """The message is for the operator. It repeats no URL, because a URL may have a password in it."""


@asynccontextmanager
async def open_endpoint(
    name: str, url: str, *, must_exist: bool, page_size: int = PAGE
) -> AsyncIterator["CopyEndpoint"]:
    with errors_of(name):
        path = sqlite_path(url)
        if must_exist and path is not None and not path.exists():
            raise CannotCopy(f"{name} does not exist.")
        engine = create_migration_engine(url)
    try:
        yield CopyEndpoint(name, path, engine, page_size)
    finally:
        await engine.dispose()


class CopyEndpoint:
    """One of the two databases of a copy. Its name, FROM or TO, is in the messages."""

    def __init__(self, name: str, path: Path | None, engine: AsyncEngine, page_size: int) -> None:
        self.path = path
        """The file, if the database is SQLite."""
        self._name = name
        self._page_size = page_size
        self._reading = engine
        self._writing = with_transactions(engine)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["EndpointConnection"]:
        """Open a block that only reads. All its statements see the database as it was when the block began."""
        async with self._connected(self._reading) as connected:
            with errors_of(self._name):
                if self.path is not None:
                    # The engine begins a transaction only for blocks that write.
                    await connected.connection.exec_driver_sql("BEGIN DEFERRED")
                else:
                    await connected.connection.execution_options(
                        isolation_level="REPEATABLE READ", postgresql_readonly=True
                    )
            yield connected

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["EndpointConnection"]:
        """Open a block that writes. The end of the block commits, and an exception rolls back."""
        async with self._connected(self._writing) as connected:
            with errors_of(self._name):
                async with connected.connection.begin():
                    yield connected

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator["EndpointConnection"]:
        async with AsyncExitStack() as stack:
            with errors_of(self._name):
                connection = await stack.enter_async_context(engine.connect())
            yield EndpointConnection(self._name, connection, self._page_size)


class EndpointConnection:
    def __init__(self, endpoint: str, connection: AsyncConnection, page_size: int) -> None:
        self.page_size = page_size
        """How many rows a full page has."""
        self._endpoint = endpoint
        self.connection = connection

    async def check_schema(self) -> None:
        """Raise CannotCopy unless the schema is the one of this version."""
        with errors_of(self._endpoint):
            schema = await self.connection.run_sync(schema_of)
        if schema is Schema.OUTDATED:
            raise CannotCopy(f"{self._endpoint} has no schema or an earlier one: run `jwtapi migrate` on it.")
        if schema is Schema.LATER:
            raise CannotCopy(
                f"{self._endpoint} has the schema of a later version of jwtapi: use that version to copy it."
            )

    async def migrate(self) -> None:
        """Bring the schema up to date. Raises CannotCopy if a later version made the schema."""
        with errors_of(self._endpoint):
            await self.connection.run_sync(upgrade)
        await self.check_schema()

    async def page(self, columns: Sequence[ColumnElement[Any]], after: Any) -> Rows:
        """Return the next rows whose key is greater than `after`, or the first rows for None.

        The first column is the key.
        """
        key = columns[0]
        query = select(*columns).order_by(key).limit(self.page_size)
        with errors_of(self._endpoint):
            found = await self.connection.execute(query if after is None else query.where(key > after))
            return {row[0]: row for row in found}

    async def first(self, query: Select[Any]) -> Row[Any] | None:
        with errors_of(self._endpoint):
            row: Row[Any] | None = (await self.connection.execute(query)).first()
        return row

    async def count(self, table: Table) -> int:
        with errors_of(self._endpoint):
            return (await self.connection.execute(select(func.count()).select_from(table))).scalar_one()


def canonical(row: Row[Any]) -> bytes:
    """Return the row as bytes that do not depend on the kind of database.

    Compare rows by these bytes, never by `==`: Python says that the JSON values 1, 1.0 and true are equal.
    """
    return json.dumps(list(row), default=_as_text, sort_keys=True).encode() + b"\n"


@contextmanager
def errors_of(endpoint: str) -> Iterator[None]:
    """Turn each error of a database into CannotCopy, with a message that names the endpoint."""
    try:
        yield
    except UnusableSchema as error:
        raise CannotCopy(f"{endpoint} cannot be used. {error}") from error
    except (SQLAlchemyError, OSError, ValueError, TypeError) as error:
        raise CannotCopy(
            f"{endpoint} cannot be used: {cause_of(error)}. Is the URL right, and is the database running?"
        ) from error


def cause_of(error: BaseException) -> str:
    """Return a name such as SQLITE_FULL or InvalidPasswordError.

    It is not the database's message, because that may contain user names and values.
    """
    if (reported := getattr(error, "orig", None)) is not None:
        error = reported.__cause__ or reported
    return getattr(error, "sqlite_errorname", type(error).__name__)


def _as_text(value: Any) -> str:
    match value:
        case UUID():
            return value.hex
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case bytes():
            return value.hex()
        case _:
            raise TypeError(type(value))
