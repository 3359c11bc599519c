import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection
from typer.testing import CliRunner, Result

from jwtapi.cli.main import app
from jwtapi.storage import migrations
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.urls.database import parse_database_url
from tests.support.server import free_port

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def schema(migrated_file: Path) -> Sequence[str]:
    """The statements that make of an empty SQLite database what the migrations make of it."""
    with closing(sqlite3.connect(migrated_file)) as database:
        made = database.execute(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
        )
        return [sql for (sql,) in made] + [
            f"INSERT INTO {migrations.VERSION_TABLE} VALUES ('{migrations.known_revisions()[0]}')"  # noqa: S608
        ]


@pytest.fixture
def quick_migrations(schema: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the schema of an empty SQLite database at once. All migrations take longer than most commands."""
    run_migrations = migrations._run_migrations  # noqa: SLF001

    def run_quickly(connection: Connection) -> None:
        is_sqlite = connection.dialect.name == "sqlite"
        if not is_sqlite or connection.exec_driver_sql("SELECT 1 FROM sqlite_schema").first() is not None:
            run_migrations(connection)
            return
        for statement in schema:
            connection.exec_driver_sql(statement)

    monkeypatch.setattr(migrations, "_run_migrations", run_quickly)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_migrations: None) -> Path:  # noqa: ARG001
    """An empty folder to work in, at a terminal; hashes are cheap, Python is sound, and the tests' logging stays."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jwtapi.interpreter.RUNNING", (3, 99, 0))
    monkeypatch.setattr("jwtapi.cli.main.configure_logging", lambda *_: None)
    monkeypatch.setenv("BCRYPT_ROUNDS", "4")
    monkeypatch.setenv("LOG_FORMAT", "console")
    monkeypatch.setenv("PORT", str(free_port()))
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:  # noqa: ARG001  in which it runs
    """Runs the command, standard input after a `<`: run("user", "create", "alice", stdin="secret")."""

    def run(*words: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, words, input=stdin)

    return run


Store = Callable[[Callable[[UnitOfWork], None]], None]


@pytest.fixture
def store(folder: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:  # noqa: ARG001  it sets more
    """Runs a unit of work on the database that commands then use: SQLite or PostgreSQL."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def store(unit: Callable[[UnitOfWork], None]) -> None:
        async def write() -> None:
            database = Database(parse_database_url(database_url))
            await database.write(unit)
            await database.close()

        asyncio.run(write())

    return store
