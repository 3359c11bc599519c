"""The SQL statements that an API sends to its database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import event

from jwtapi.storage.database import Database
from tests.support.api import Api

_OF_CHANGE_FEED = ("data_version", "pg_current_snapshot", "max(events", "FROM signing_keys")
"""Words of the statements that read what has changed, and the signing keys."""


class Statement(NamedTuple):
    sql: str
    parameters: Any


def sent_by_requests(sql: str) -> bool:
    """Return whether a request sent the statement, and not the change feed or a background job."""
    of_jobs = ("NOTIFY", "UPDATE sessions SET arrived_generation", "UPDATE api_keys SET last_used_at", "WITH due AS")
    in_background = sql.startswith(of_jobs)
    # With HS256, the default of the tests, no request reads the signing keys.
    return not in_background and not any(word in sql for word in _OF_CHANGE_FEED)


def sent_by_the_handler(sql: str) -> bool:
    """As `sent_by_requests`, without what differs by chance: when a transaction begins, and the read of the session.

    The background jobs begin transactions too. A busy machine reads a session again, because its change feed is late.
    """
    begins = sql.startswith(("BEGIN", "PRAGMA"))
    return sent_by_requests(sql) and not begins and "FROM sessions JOIN users" not in sql


def changes_rows(sql: str) -> bool:
    """Return whether the statement changes rows for a request. A background job writes `arrived_generation`."""
    return sql.startswith(("INSERT", "UPDATE", "DELETE")) and "arrived_generation" not in sql


@contextmanager
def statements(api: Api, which: Callable[[str], bool] = lambda _: True) -> Iterator[list[Statement]]:
    """Collect all statements that are sent inside the block."""
    sent: list[Statement] = []

    def collect(_: Any, __: Any, sql: str, parameters: Any, *___: Any) -> None:
        if which(sql):
            sent.append(Statement(sql, parameters))

    engine = api.services[Database].engine_of_units
    event.listen(engine, "before_cursor_execute", collect)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", collect)
