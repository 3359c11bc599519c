"""Runs the statements of almost every request without what SQLAlchemy does around each execution.

SQLAlchemy compiles the statement once. Then the driver gets its text and its values immediately, which takes a third of
the time. This file leans on `positiontup` of compiled statements, on `await_`, and on the drivers' own methods.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.util import await_

_Process = Callable[[Any], Any]


class _Compiled(NamedTuple):
    sql: str
    names: Sequence[str]
    """The parameters in the order of the text."""
    bind: Sequence[tuple[int, _Process]]
    """The parameters that the driver does not take as they are, by position."""
    result: Sequence[tuple[int, _Process]]
    """The columns that the driver does not return as they should be, by position."""
    errors: tuple[type[Exception], ...]
    """What the driver raises if the database fails."""


class HotStatement:
    def __init__(self, statement: Select[Any] | ReturningUpdate[Any]) -> None:
        """`statement` returns at most one row. None of its parameters is a list."""
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def row(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """Run the statement, and return its row, or None if there is none.

        Raises:
            DBAPIError
        """
        # Give it to SQLAlchemy if somebody observes the statements, or if it is to run in a transaction on PostgreSQL:
        # the driver begins one only with SQLAlchemy's first statement, and ours would commit by itself.
        begins = "isolation_level" in connection.get_execution_options()
        if begins or connection.engine.dispatch.before_cursor_execute:
            return connection.execute(self._statement, values).one_or_none()
        dialect = connection.dialect
        sql, names, bind, result, errors = self._compiled.get(dialect.driver) or self._compile(dialect)
        bound = [values[name] for name in names]
        for position, process in bind:
            bound[position] = process(bound[position])
        driver: Any = connection.connection.driver_connection
        try:
            if isinstance(driver, sqlite3.Connection):
                row = driver.execute(sql, bound).fetchone()
            else:
                row = await_(driver.fetchrow(sql, *bound))
        except BaseException as error:
            connection.invalidate()  # whatever it is in the middle of
            if isinstance(error, errors):
                raise DBAPIError(sql, None, error, hide_parameters=True) from error
            raise
        if row is None:
            return None
        found = list(row)
        for position, process in result:
            found[position] = process(found[position])
        return found

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled: Any = self._statement.compile(dialect=dialect)
        names = compiled.positiontup
        bind = ((n, _type(compiled.binds[name], dialect).bind_processor(dialect)) for n, name in enumerate(names))
        columns = self._statement.exported_columns
        result = ((n, _type(column, dialect).result_processor(dialect, None)) for n, column in enumerate(columns))
        self._compiled[dialect.driver] = ready = _Compiled(
            str(compiled),
            names,
            [(position, process) for position, process in bind if process is not None],
            [(position, process) for position, process in result if process is not None],
            _errors(dialect),
        )
        return ready


def _type(element: Any, dialect: Dialect) -> Any:
    return element.type.dialect_impl(dialect)


def _errors(dialect: Dialect) -> tuple[type[Exception], ...]:
    if dialect.name == "sqlite":
        return (sqlite3.Error,)
    import asyncpg  # noqa: PLC0415  only PostgreSQL needs it

    # InternalClientError: the server has said that it ends the connection, but has not ended it yet, for example.
    return asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError
