"""The SQL statements that an API sends to its database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import event

from jwtapi.storage.database import Database
from tests.support.api import Api

_OF_CHANGE_FEED = ("data_version", "pg_current_snapshot", "max(events")


class Statement(NamedTuple):
    sql: str
    parameters: Any


def sent_by_requests(sql: str) -> bool:
    """Tell whether the statement is of a request, and not of the change feed."""
    return not any(word in sql for word in _OF_CHANGE_FEED)


def changes_rows(sql: str) -> bool:
    """Tell whether a request changes rows by the statement. The background writes `arrived_generation`."""
    return sql.startswith(("INSERT", "UPDATE", "DELETE")) and "arrived_generation" not in sql


@contextmanager
def statements(api: Api, which: Callable[[str], bool] = lambda _: True) -> Iterator[list[Statement]]:
    """Collect the statements that are sent inside the block, each as often as it is sent."""
    sent: list[Statement] = []

    def collect(_: Any, __: Any, sql: str, parameters: Any, *___: Any) -> None:
        if which(sql):
            sent.append(Statement(sql, parameters))

    engine = api.services[Database]._engine.sync_engine  # noqa: SLF001  the events of its connections
    event.listen(engine, "before_cursor_execute", collect)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", collect)
