import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import Result

from jwtapi.cli import database
from jwtapi.cli.progress import progress
from jwtapi.copying.copy import Advance
from jwtapi.storage.metadata import persistent_tables
from tests.cli.conftest import Run
from tests.support.api import PASSWORD
from tests.support.postgresql import PostgreSQL

HERE, THERE = "sqlite:///here.db", "sqlite:///there.db"


def rows_of_here() -> dict[str, int]:
    """How many rows each table of the database `here` has, in the order in which a copy fills them."""
    return {table.name: {"users": 2, "events": 2}.get(table.name, 0) for table in persistent_tables()}


Copy = Callable[..., Result]


@pytest.fixture
def copy(run: Run) -> Copy:
    """Runs the command, and sees that no output of it repeats a URL, or a password."""

    def copy(source: str, target: str, *options: str) -> Result:
        result = run("db", "copy", source, target, *options)
        assert "hunter2" not in result.output
        for url in (source, target):
            assert url not in result.output
            assert url.partition("://")[2] not in result.output
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return copy


@pytest.fixture
def users(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Does something to the users of a database: users(HERE, "create", "alice")."""

    def act(url: str, *words: str) -> None:
        with monkeypatch.context() as environment:
            environment.setenv("DATABASE_URL", url)
            assert run("user", *words, stdin=f"{PASSWORD}\n").exit_code == 0

    return act


@pytest.fixture
def here(users: Callable[..., None]) -> str:
    """A database with two users and what happened to them."""
    for name in ("alice", "bob"):
        users(HERE, "create", name)
    return HERE


def test_db_copy_prints_what_it_changed_and_what_both_databases_have(
    copy: Copy, here: str, postgresql: PostgreSQL, folder: Path
) -> None:
    there = postgresql.new_empty_database()
    result = copy(here, there)
    assert result.exit_code == 0
    heading, *rows, verdict = result.stdout.splitlines()
    expected = rows_of_here()
    assert re.split(r"  +", heading.strip()) == [
        "inserted",
        "updated",
        "deleted",
        "rows FROM",
        "rows TO",
        "sha256 FROM",
        "sha256 TO",
    ]
    assert [row.split()[:6] for row in rows] == [
        [name, str(copied), "0", "0", str(copied), str(copied)] for name, copied in expected.items()
    ]
    assert expected.items() >= {"users": 2, "sessions": 0, "events": 2}.items()
    for row in rows:
        ours, theirs = row.split()[6:]
        assert ours == theirs
        assert re.fullmatch("[0-9a-f]{16}", ours)
    assert verdict == "TO is now equal to FROM."
    assert result.stderr.splitlines() == [
        *(f"Copying {name}: {number} rows" for name, number in expected.items()),
        *(f"Comparing {name}: {2 * number} rows" for name, number in expected.items()),
    ]
    assert copy(there, "sqlite:///back.db").stdout == result.stdout
    assert (folder / "back.db").stat().st_mode & 0o777 == 0o600


def test_db_copy_needs_no_secrets_and_makes_none(
    copy: Copy, here: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert copy(here, THERE).exit_code == 0
    assert not (folder / ".env").exists()


def test_db_copy_shows_a_progress_bar_at_a_terminal(copy: Copy, here: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwtapi.cli.progress.is_terminal", lambda: True)
    # It looks for itself too, and shows a stream that is no terminal the bar's label only.
    result = copy(here, THERE)
    assert result.exit_code == 0
    assert [line.strip() for line in result.stderr.splitlines() if line.strip()] == [
        f"{step} {table}" for step in ("Copying", "Comparing") for table in rows_of_here()
    ]


def test_db_copy_keeps_users_that_only_the_target_has_without_overwrite(
    copy: Copy, here: str, users: Callable[..., None]
) -> None:
    users(THERE, "create", "carol")
    result = copy(here, THERE)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Users that TO has and FROM does not: 1. They registered on TO, or they were deleted "
        "from FROM after an earlier copy. Nothing was copied. "
        "To delete everything from TO that FROM does not have, add --overwrite.\n"
    )
    assert copy(here, THERE, "--overwrite").exit_code == 0


def test_db_copy_keeps_a_target_that_was_in_service_without_overwrite(
    copy: Copy, here: str, users: Callable[..., None]
) -> None:
    assert copy(here, THERE).exit_code == 0
    users(THERE, "disable", "alice")
    result = copy(here, THERE)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("The newest event of TO is not in FROM: a server ran on TO after an earlier copy")
    assert result.stderr.endswith("add --overwrite.\n")
    assert copy(here, THERE, "--overwrite").exit_code == 0


def test_db_copy_does_not_create_a_missing_source(copy: Copy, folder: Path) -> None:
    result = copy("sqlite:///sub/missing.db", THERE)
    assert (result.exit_code, result.stderr) == (1, "FROM does not exist.\n")
    assert list(folder.iterdir()) == []


def test_db_copy_does_not_migrate_a_source_without_the_schema(copy: Copy, folder: Path, postgresql: PostgreSQL) -> None:
    result = copy(postgresql.new_empty_database(), THERE)
    assert result.exit_code == 1
    assert result.stderr == ("FROM has no schema or an earlier one: run `jwtapi migrate` on it.\n")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ("here.db", "./here.db", "symbolic.db", "hard.db"))
def test_db_copy_refuses_to_copy_a_file_onto_itself(copy: Copy, here: str, folder: Path, name: str) -> None:
    (folder / "symbolic.db").symlink_to("here.db")
    (folder / "hard.db").hardlink_to("here.db")
    for target in (f"sqlite:///{name}", f"sqlite:///{folder / name}"):
        result = copy(here, target, "--overwrite")
        assert (result.exit_code, result.stderr) == (1, "FROM and TO are the same database.\n")


def test_db_copy_refuses_to_copy_a_postgresql_database_onto_itself(
    copy: Copy, here: str, postgresql: PostgreSQL
) -> None:
    there = postgresql.new_empty_database()
    assert copy(here, there).exit_code == 0
    # The same by another name.
    result = copy(there, there.replace("postgresql://postgres:@", "postgres://postgres@"), "--overwrite")
    assert (result.exit_code, result.stderr) == (1, "FROM and TO are the same database.\n")


@pytest.mark.parametrize(
    ("url", "complaint"),
    (
        (
            "mysql://alice:hunter2@host/name",
            r"must be sqlite:///path/to/file\.db or postgresql://user:password@host/name\.",
        ),
        ("postgresql://alice:hunt/er2@host/hunter2", "has a character that must be escaped in a URL: "),
        ("sqlite:///:memory:", "must name a file: "),
        ("sqlite:///a-folder", r"cannot be used: IsADirectoryError\. Is the URL right, and is the database running\?"),
        ("sqlite:///no-database.db", r"cannot be used: SQLITE_NOTADB\. "),
        ("postgresql://alice:hunter2@127.0.0.1:1/name", r"cannot be used: ConnectionRefusedError\. "),
        ("postgresql://alice:hunter2@127.0.0.1/name?sslmode=hunter2", "has an invalid sslmode: it must be "),
    ),
)
def test_db_copy_reports_a_url_that_cannot_be_used(
    copy: Copy, here: str, folder: Path, url: str, complaint: str
) -> None:
    (folder / "a-folder").mkdir()
    (folder / "no-database.db").write_text("This is no database. " * 100)
    for side, urls in (("FROM", (url, THERE)), ("TO", (here, url))):
        result = copy(*urls)
        assert (result.exit_code, result.stdout) == (1, "")
        assert re.match(f"{side} {complaint}", result.stderr)
        assert result.stderr.count("\n") == 1


def test_db_copy_reports_a_difference_at_the_end(
    copy: Copy, here: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    @contextmanager
    def meddle(what: str, rows: int) -> Iterator[Advance]:
        if what == "Copying events":
            with sqlite3.connect(folder / "there.db") as there:
                there.execute("UPDATE users SET settings = '{\"a\": 1}' WHERE username = 'bob'")
            there.close()
        with progress(what, rows) as advance:
            yield advance

    monkeypatch.setattr(database, "progress", meddle)
    result = copy(here, THERE)
    assert result.exit_code == 1
    assert result.stderr.endswith("TO differs from FROM in users. Stop everything that writes to TO, and copy again.\n")
    assert "equal to FROM" not in result.output
    (row,) = (line.split() for line in result.stdout.splitlines() if line.startswith("users"))
    ours, theirs = row[6:]
    assert ours != theirs
