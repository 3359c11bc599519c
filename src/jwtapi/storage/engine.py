"""How to connect: what SQLite needs told at each connection, and bounds on every wait."""

import itertools
import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import Connection, NullPool, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from jwtapi.storage.faults import belongs_to_connection

WAIT_SECONDS = 2
"""How long a block may take, with its waits for a connection and for locks, before its caller is told to come back
later. Giving up a connection that does not answer can take two seconds more."""

POOL_SIZE = 10
"""Connections to PostgreSQL for the requests of a process; one more follows the changes."""

STATEMENT_CACHE = 100
"""Statements that each connection to PostgreSQL keeps prepared; there are fewer."""

APPLICATION_NAME = "jwtapi"
"""In pg_stat_activity, unless the address or PGAPPNAME says another."""

WRITE = "jwtapi_write"
"""Execution option of a connection whose transaction is going to write."""

HASTY = "jwtapi_hasty"
"""Execution option of a connection whose transaction need not survive a power cut."""

_SQLITE_POOL_SIZE = 4
"""One of them follows the changes, one writes; as only one thread at a time runs Python, more readers bring nothing."""

_MIGRATION_WAIT_SECONDS = 600

_PROCESS = os.urandom(8).hex()
_numbers = itertools.count()

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers and the writer do not wait for each other
    "PRAGMA synchronous = FULL",  # what was answered survives a power cut, not only a crash of the process
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -500",  # KiB a connection; what is beyond it the system's cache has
)


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite database; None for any other."""
    scheme, _, path = url.partition(":///")
    return Path(path) if scheme.startswith("sqlite") else None


def open_engine(
    url: str,
    *,
    pool_size: int = POOL_SIZE,
    statement_cache: int = STATEMENT_CACHE,
    wait_seconds: float = WAIT_SECONDS,
) -> AsyncEngine:
    """For requests: no wait is long, and each statement stands for itself.

    Without a statement cache each is prepared anew and without a name, and run before the next Sync, so that no pooler
    can send its messages to two servers.

    Raises:
        OSError: there can be no SQLite file at that place.
    """
    if (path := sqlite_path(url)) is not None:
        return _open_sqlite(url, path, wait_seconds=wait_seconds)
    return _open_postgresql(
        url,
        statement_cache=statement_cache,
        connect_timeout=wait_seconds,
        command_timeout=wait_seconds,
        # What only reads takes one round trip instead of three; so does the look whether a connection is alive.
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size + 1,
        max_overflow=0,
        pool_timeout=wait_seconds,
        pool_pre_ping=True,
    )


def open_patient_engine(url: str) -> AsyncEngine:
    """For migrations, which may wait for each other and take their time, and go through any pooler.

    Raises:
        OSError: there can be no SQLite file at that place.
    """
    if (path := sqlite_path(url)) is not None:
        return _open_sqlite(url, path, wait_seconds=_MIGRATION_WAIT_SECONDS)
    return _open_postgresql(
        url, statement_cache=0, connect_timeout=WAIT_SECONDS, command_timeout=None, poolclass=NullPool
    )


def with_transactions(engine: AsyncEngine) -> AsyncEngine:
    """The same connections, to write in transactions."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{WRITE: True})
    return engine.execution_options(isolation_level="READ COMMITTED")


def _open_postgresql(
    url: str, *, statement_cache: int, connect_timeout: float, command_timeout: float | None, **options: Any
) -> AsyncEngine:
    """The driver itself reads the address, so that it may say all that libpq's may: of TLS, of several hosts."""
    address = url.replace("postgresql+asyncpg:", "postgresql:", 1)
    names_itself = "application_name" in dict(parse_qsl(urlsplit(address).query))
    server_settings = {} if names_itself else {"application_name": os.environ.get("PGAPPNAME") or APPLICATION_NAME}

    async def connect() -> Any:
        import asyncpg  # noqa: PLC0415  only PostgreSQL needs it

        try:
            return await asyncpg.connect(
                address,
                timeout=connect_timeout,
                command_timeout=command_timeout,
                statement_cache_size=statement_cache,
                server_settings=server_settings,
            )
        except (asyncpg.InterfaceError, ssl.SSLError):  # some of which are ValueErrors too
            raise
        except FileNotFoundError as error:
            # Of a server's socket that is not there it says the same.
            error.filename = _missing_file_for_tls(url)
            raise
        except (ValueError, TypeError):
            # What parses the address repeats a part of it, which may be the password.
            raise OSError(None, "the address is not understood") from None

    def adapted() -> Any:
        # `async_creator_fn` and the names after it are SQLAlchemy's own, and only partly documented.
        dialect: Any = engine.dialect
        return dialect.dbapi.connect(
            async_creator_fn=connect,
            prepared_statement_cache_size=statement_cache,
            prepared_statement_name_func=_new_statement_name if statement_cache else None,
        )

    engine = create_async_engine("postgresql+asyncpg://", creator=adapted, hide_parameters=True, **options)
    _renew_connections(engine)
    return engine


def _missing_file_for_tls(url: str) -> str | None:
    named = dict(parse_qsl(urlsplit(url).query))
    paths = [named[name] for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl") if name in named]
    return next((path for path in paths if not Path(path).exists()), None)


def _new_statement_name() -> str:
    """Nobody else's: a pooler that mixes connections up could otherwise run another process's statement for ours."""
    return f"jwtapi_{_PROCESS}_{next(_numbers):x}"


def _renew_connections(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "handle_error")
    def _renew(context: ExceptionContext) -> None:
        if belongs_to_connection(context.original_exception):
            context.is_disconnect = True


def _open_sqlite(url: str, path: Path, *, wait_seconds: float) -> AsyncEngine:
    _make_private(path)
    engine = create_async_engine(
        url, pool_size=_SQLITE_POOL_SIZE, max_overflow=0, pool_timeout=wait_seconds, hide_parameters=True
    )

    _renew_connections(engine)

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(dbapi_connection: Any, _: Any) -> None:
        # None: the driver begins no transaction of its own accord; `_begin` does.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        for pragma in _SQLITE_PRAGMAS:
            cursor.execute(pragma)
        cursor.execute(f"PRAGMA busy_timeout = {int(wait_seconds * 1000)}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get(WRITE):
            return  # a reader's single statements need no transaction
        # NORMAL waits for no disk at a commit, yet keeps the order: after a power cut the last commits are missing.
        level = "NORMAL" if options.get(HASTY) else "FULL"
        if connection.info.setdefault("synchronous", "FULL") != level:
            connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
            connection.info["synchronous"] = level
        # A writer takes the lock first: a deferred transaction that reads and then writes fails at once, whatever the
        # busy_timeout, if somebody wrote in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _make_private(path: Path) -> None:
    """Create the file for its owner alone; SQLite gives its -wal and -shm the same mode.

    Raises:
        OSError: no file can be had there. Better now than on a thread of the driver.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
