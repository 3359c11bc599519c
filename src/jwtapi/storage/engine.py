"""Opens connections, with the settings that each kind of database needs, and with a limit on every wait."""

import errno
import itertools
import os
import select
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from jwtapi.storage.faults import belongs_to_connection

WAIT_SECONDS = 2
"""How long a unit may take, with its waits for a connection and for locks. Then the caller gets an error. Closing a
connection that does not answer can take two seconds more."""

POOL_SIZE = 10
"""Connections to PostgreSQL for the requests of a process. The change feed has one more."""

STATEMENT_CACHE = 100
"""Statements that each connection to PostgreSQL keeps prepared. We have fewer."""

APPLICATION_NAME = "jwtapi"
"""The name in pg_stat_activity, unless the URL or PGAPPNAME sets another one."""

WRITE = "jwtapi_write"
"""Execution option of a connection whose transactions write."""

_SQLITE_POOL_SIZE = 1
"""Connections outside the units of work: that of the change feed."""

_MIGRATION_WAIT_SECONDS = 600

_CLOSED_BY_PEER = getattr(select, "POLLRDHUP", 0)
"""Only Linux has it. Other systems report POLLHUP, which need not be asked for."""

_USED = "jwtapi_used"
"""Whether the connection was good once."""

_PROCESS = os.urandom(8).hex()
_numbers = itertools.count()

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers and the writer do not wait for each other
    "PRAGMA synchronous = FULL",  # a commit survives a power cut, not only a crash of the process
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -500",  # KiB for each connection; the system caches the rest of the file
)


def sqlite_path(url: str) -> Path | None:
    """Return the file of an SQLite database, and None for PostgreSQL."""
    scheme, _, path = url.partition(":///")
    return Path(path) if scheme.startswith("sqlite") else None


def open_engine(
    url: str,
    *,
    pool_size: int = POOL_SIZE,
    statement_cache: int = STATEMENT_CACHE,
    wait_seconds: float = WAIT_SECONDS,
) -> AsyncEngine:
    """Create the engine for requests: it limits every wait, and each statement commits by itself.

    With `statement_cache=0` each statement is prepared without a name and run before the next Sync message. So a pooler
    cannot send the messages of one statement to two servers.

    Raises:
        OSError: the SQLite file cannot be created.
    """
    if (path := sqlite_path(url)) is not None:
        return _open_sqlite(url, path, wait_seconds=wait_seconds)
    engine = _open_postgresql(
        url,
        statement_cache=statement_cache,
        connect_timeout=wait_seconds,
        command_timeout=wait_seconds,
        # A unit that reads takes one round trip instead of three.
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size + 1,
        max_overflow=0,
        pool_timeout=wait_seconds,
    )
    _replace_closed_connections(engine.sync_engine)
    return engine


def create_migration_engine(url: str) -> AsyncEngine:
    """Create the engine for migrations: statements have no time limit, and work through every pooler.

    Raises:
        OSError: the SQLite file cannot be created.
    """
    if (path := sqlite_path(url)) is not None:
        return _open_sqlite(url, path, wait_seconds=_MIGRATION_WAIT_SECONDS)
    return _open_postgresql(
        url, statement_cache=0, connect_timeout=WAIT_SECONDS, command_timeout=None, poolclass=NullPool
    )


def with_transactions(engine: AsyncEngine) -> AsyncEngine:
    """Return an engine with the same connections, for units that write in transactions."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{WRITE: True})
    return engine.execution_options(isolation_level="READ COMMITTED")


def _open_postgresql(
    url: str, *, statement_cache: int, connect_timeout: float, command_timeout: float | None, **options: Any
) -> AsyncEngine:
    """Let the driver itself parse the URL, so that all parameters of libpq work, such as TLS and several hosts."""
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
        except (asyncpg.InterfaceError, ssl.SSLError):  # some of them are ValueErrors too, which are handled below
            raise
        except FileNotFoundError as error:
            # The driver raises the same error if the server's socket file is missing.
            error.filename = _missing_file_for_tls(url)
            raise
        except (ValueError, TypeError):
            # The message repeats a part of the URL, which may be the password.
            raise OSError(None, "the address is not understood") from None

    def adapted() -> Any:
        # `async_creator_fn` and the parameters after it are SQLAlchemy's own, and only partly documented.
        dialect: Any = engine.dialect
        return dialect.dbapi.connect(
            async_creator_fn=connect,
            prepared_statement_cache_size=statement_cache,
            prepared_statement_name_func=_new_statement_name if statement_cache else None,
        )

    engine = create_async_engine("postgresql+asyncpg://", creator=adapted, hide_parameters=True, **options)
    _replace_faulty_connections(engine.sync_engine)
    return engine


def _missing_file_for_tls(url: str) -> str | None:
    named = dict(parse_qsl(urlsplit(url).query))
    paths = [named[name] for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl") if name in named]
    return next((path for path in paths if not Path(path).exists()), None)


def _new_statement_name() -> str:
    """Return a name that no other process uses. Otherwise a pooler could run another process's statement for ours."""
    return f"jwtapi_{_PROCESS}_{next(_numbers):x}"


def _replace_faulty_connections(engine: Engine) -> None:
    @event.listens_for(engine, "handle_error")
    def _renew(context: ExceptionContext) -> None:
        if belongs_to_connection(context.original_exception):
            context.is_disconnect = True


def _replace_closed_connections(engine: Engine) -> None:
    """Let the pool open another connection in place of one that the server has closed, as a restart does.

    The pool's own check asks the server each time, which takes a round trip. The operating system knows it already.
    """

    @event.listens_for(engine, "checkout")
    def _refuse_closed(dbapi_connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
        if not _is_closed(dbapi_connection.driver_connection):
            record.info[_USED] = True  # the pool forgets it with the connection
        elif _USED in record.info:
            raise InvalidatePoolError
        else:
            # The server closes what it accepts, as it does when it stops. If the pool tried again, and failed again, it
            # would raise an error that does not look like an outage.
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


def _is_closed(connection: Any) -> bool:
    """Return whether the server has closed a connection of asyncpg, even if the event loop has not read that yet."""
    if connection.is_closed():
        return True
    poll = select.poll()
    poll.register(connection._transport.get_extra_info("socket"), _CLOSED_BY_PEER)  # noqa: SLF001  asyncpg hides it
    return bool(poll.poll(0))


def _open_sqlite(url: str, path: Path, *, wait_seconds: float) -> AsyncEngine:
    _make_private(path)
    engine = create_async_engine(
        url, pool_size=_SQLITE_POOL_SIZE, max_overflow=0, pool_timeout=wait_seconds, hide_parameters=True
    )

    _prepare_sqlite(engine.sync_engine, wait_seconds)

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITE):  # the single statements of a reader need no transaction
            _begin_immediate(connection)

    return engine


def open_sqlite_for_units(path: Path, *, wait_seconds: float) -> Engine:
    """Create the engine for units of work on SQLite. Each connection is used by the thread that opens it.

    Raises:
        OSError: the file cannot be created.
    """
    _make_private(path)
    engine = create_engine(f"sqlite+pysqlite:///{path}", poolclass=NullPool, hide_parameters=True)
    _prepare_sqlite(engine, wait_seconds)
    return engine


def begin_writing(connection: Connection, *, durable: bool) -> None:
    """Begin a transaction on SQLite. With `durable=False` its commit does not wait for the disk.

    After a power cut such a commit may be missing, but the file is consistent.

    Raises:
        DBAPIError: another process has had the lock of the writers for too long, for example.
    """
    level = "FULL" if durable else "NORMAL"
    if connection.info.setdefault("synchronous", "FULL") != level:
        connection.exec_driver_sql(f"PRAGMA synchronous = {level}").close()
        connection.commit()  # SQLAlchemy regards the first statement as the beginning of a transaction
        connection.info["synchronous"] = level
    connection.begin()
    _begin_immediate(connection)


def _begin_immediate(connection: Connection) -> None:
    # A writer takes the lock first. A deferred transaction that reads and then writes would fail immediately, without
    # waiting for busy_timeout, if another connection has written in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _prepare_sqlite(engine: Engine, wait_seconds: float) -> None:
    _replace_faulty_connections(engine)

    @event.listens_for(engine, "connect")
    def _prepare(dbapi_connection: Any, _: Any) -> None:
        # With None the driver begins no transactions.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        try:
            for pragma in _SQLITE_PRAGMAS:
                cursor.execute(pragma)
            # Somewhat less than the caller waits, so that the error names the lock.
            cursor.execute(f"PRAGMA busy_timeout = {int(wait_seconds * 900)}")
            cursor.close()
        except BaseException:
            dbapi_connection.close()  # the pool would forget it, and aiosqlite's thread would wait for ever
            raise


def _make_private(path: Path) -> None:
    """Create the file so that only its owner can read it. SQLite gives its -wal and -shm files the same mode.

    Raises:
        OSError: the file cannot be created. This is better reported here than on a thread of the driver.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
