"""How to connect: what SQLite needs told at each connection, and bounds on every wait."""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

WAIT_SECONDS = 5
"""How long a request waits for a connection or a lock before it is told to come back later."""

WRITE = "jwtapi_write"
"""Execution option of a connection whose transaction is going to write."""

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers and the writer do not wait for each other
    "PRAGMA synchronous = FULL",  # what was answered survives a power cut, not only a crash of the process
    "PRAGMA foreign_keys = ON",
)


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite database; None for any other."""
    parts = make_url(url)
    return Path(parts.database) if parts.get_backend_name() == "sqlite" and parts.database else None


def open_engine(url: str) -> AsyncEngine:
    if (path := sqlite_path(url)) is not None:
        return _open_sqlite(url, path)
    return create_async_engine(
        url,
        pool_size=10,
        max_overflow=0,
        pool_timeout=WAIT_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"timeout": WAIT_SECONDS, "command_timeout": WAIT_SECONDS},
    )


def _open_sqlite(url: str, path: Path) -> AsyncEngine:
    _make_private(path)
    engine = create_async_engine(url, pool_size=5, max_overflow=0, pool_timeout=WAIT_SECONDS, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(dbapi_connection: Any, _: Any) -> None:
        # None: the driver begins no transaction of its own accord; `_begin` does.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        for pragma in _SQLITE_PRAGMAS:
            cursor.execute(pragma)
        cursor.execute(f"PRAGMA busy_timeout = {int(WAIT_SECONDS * 1000)}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock first: a deferred transaction that reads and then writes fails at once, whatever the
        # busy_timeout, if somebody wrote in between. A reader's single statements need no transaction.
        if connection.get_execution_options().get(WRITE):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _make_private(path: Path) -> None:
    """Create the file for its owner alone; SQLite gives its -wal and -shm the same mode.

    Raises:
        OSError: no file can be had there. Better now than on a thread of the driver.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
