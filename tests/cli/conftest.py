import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jwtapi.cli.main import app
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.urls.database import parse_database_url
from tests.support.server import free_port

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
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
