"""The two databases of a copy: how each is opened and read, and how it is blamed for what goes wrong with it."""

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

from jwtapi.storage.engine import open_patient_engine, sqlite_path, with_transactions
from jwtapi.storage.migrations import Schema, UnusableSchema, schema_of, upgrade

PAGE = 1000
"""Rows of a table that are held at a time, and written in one transaction."""

Rows = dict[Any, Row[Any]]
"""By their keys, in the order of these."""


class CannotCopy(Exception):
    """The message is for whoever asked for the copy, and repeats no URL: there may be a password in it."""


@asynccontextmanager
async def open_side(name: str, url: str, *, must_exist: bool, page_size: int = PAGE) -> AsyncIterator["Side"]:
    with blaming(name):
        path = sqlite_path(url)
        if must_exist and path is not None and not path.exists():
            raise CannotCopy(f"{name} does not exist.")
        engine = open_patient_engine(url)
    try:
        yield Side(name, path, engine, page_size)
    finally:
        await engine.dispose()


class Side:
    """FROM or TO."""

    def __init__(self, name: str, path: Path | None, engine: AsyncEngine, page_size: int) -> None:
        self.path = path
        """Where it lies, if it is SQLite."""
        self._name = name
        self._page_size = page_size
        self._reading = engine
        self._writing = with_transactions(engine)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Connected"]:
        """A block that reads, and to which everything stays as it is now."""
        async with self._connected(self._reading) as connected:
            with blaming(self._name):
                if self.path is not None:
                    # The engine begins nothing for those who only read.
                    await connected.connection.exec_driver_sql("BEGIN DEFERRED")
                else:
                    await connected.connection.execution_options(
                        isolation_level="REPEATABLE READ", postgresql_readonly=True
                    )
            yield connected

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Connected"]:
        """A block that writes: leaving it commits, an exception rolls back."""
        async with self._connected(self._writing) as connected:
            with blaming(self._name):
                async with connected.connection.begin():
                    yield connected

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator["Connected"]:
        async with AsyncExitStack() as stack:
            with blaming(self._name):
                connection = await stack.enter_async_context(engine.connect())
            yield Connected(self._name, connection, self._page_size)


class Connected:
    def __init__(self, side: str, connection: AsyncConnection, page_size: int) -> None:
        self.page_size = page_size
        """Rows of a full page."""
        self._side = side
        self.connection = connection

    async def check_schema(self) -> None:
        """Raises CannotCopy if it is not that of this version."""
        with blaming(self._side):
            schema = await self.connection.run_sync(schema_of)
        if schema is Schema.OUTDATED:
            raise CannotCopy(f"{self._side} has no schema, or that of an earlier version: run `jwtapi migrate` on it.")
        if schema is Schema.LATER:
            raise CannotCopy(f"{self._side} has the schema of a later version of jwtapi: copy with that one.")

    async def migrate(self) -> None:
        """Bring the schema up to date. Raises CannotCopy if a later version made it."""
        with blaming(self._side):
            await self.connection.run_sync(upgrade)
        await self.check_schema()

    async def page(self, columns: Sequence[ColumnElement[Any]], after: Any) -> Rows:
        """The next rows behind the key `after`; None is before all. The key is the first column."""
        key = columns[0]
        query = select(*columns).order_by(key).limit(self.page_size)
        with blaming(self._side):
            found = await self.connection.execute(query if after is None else query.where(key > after))
            return {row[0]: row for row in found}

    async def first(self, query: Select[Any]) -> Row[Any] | None:
        with blaming(self._side):
            row: Row[Any] | None = (await self.connection.execute(query)).first()
        return row

    async def count(self, table: Table) -> int:
        with blaming(self._side):
            return (await self.connection.execute(select(func.count()).select_from(table))).scalar_one()


def canonical(row: Row[Any]) -> bytes:
    """The row as bytes that do not depend on the kind of database.

    Rows are compared by these, never by `==`, to which the JSON values 1, 1.0 and true are one.
    """
    return json.dumps(list(row), default=_as_text, sort_keys=True).encode() + b"\n"


@contextmanager
def blaming(side: str) -> Iterator[None]:
    """Turn what a database does wrong into CannotCopy, with a message that says which of the two it was."""
    try:
        yield
    except UnusableSchema as error:
        raise CannotCopy(f"{side} cannot be used. {error}") from error
    except (SQLAlchemyError, OSError, ValueError, TypeError) as error:
        raise CannotCopy(f"{side} cannot be used: {cause_of(error)}. Is the URL right, is it running?") from error


def cause_of(error: BaseException) -> str:
    """A word such as SQLITE_FULL or InvalidPasswordError. Messages of databases may have names and values in them."""
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
