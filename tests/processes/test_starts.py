"""What keeps a server from starting is one line that says what to do."""

import json
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.postgresql import OwnPostgreSQL, own_postgresql
from tests.support.server import JWTAPI, clean_environment, free_port

SECRETS = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}

pytestmark = pytest.mark.parametrize("workers", ("1", "2"))


@pytest.fixture(scope="module")
def postgresql() -> Iterator[OwnPostgreSQL]:
    with own_postgresql() as postgresql:
        postgresql.execute("CREATE ROLE app LOGIN PASSWORD 'right'")
        postgresql.ask_for_password("app")
        yield postgresql


def complaint(folder: Path, **settings: str) -> str:
    line = complaint_in_json(folder, **settings)
    assert line.keys() == {"event", "level", "timestamp"}
    return str(line["event"])


def complaint_in_json(folder: Path, **settings: str) -> dict[str, Any]:
    """The one line that is written where nobody watches a terminal."""
    environment = clean_environment(**SECRETS, **({"PORT": str(free_port())} | settings))
    result = subprocess.run(
        [JWTAPI, "serve"], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1), result.stderr
    line: dict[str, Any] = json.loads(result.stderr)
    assert line["level"] == "error"
    return line


def test_the_start_leaves_tables_of_other_programs_alone(tmp_path: Path, workers: str) -> None:
    with sqlite3.connect(tmp_path / "jwtapi.db") as database:
        database.execute("CREATE TABLE users (email TEXT)")
        assert complaint(tmp_path, WORKERS=workers) == (
            "DATABASE_URL: The database has tables of these names that jwtapi did not make: users. They were not "
            "changed. Give jwtapi a database of its own, or on PostgreSQL a schema (search_path)."
        )
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("users",)]
    database.close()


def test_the_start_reports_a_port_in_use_before_it_opens_the_database(tmp_path: Path, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert complaint(tmp_path, PORT=port, WORKERS=workers) == (
            f"PORT: another program listens on 127.0.0.1:{port}: stop that program, or choose another port."
        )
    assert list(tmp_path.iterdir()) == []


def test_the_start_reports_a_wrong_password_in_the_message_of_the_database(
    postgresql: OwnPostgreSQL, tmp_path: Path, workers: str
) -> None:
    url = postgresql.new_database().replace("postgres:@", "app:hunter2@")
    assert complaint(tmp_path, DATABASE_URL=url, WORKERS=workers) == (
        'DATABASE_URL: the database refuses: InvalidPasswordError: password authentication failed for user "app". '
        "Is the password in DATABASE_URL right, and may this role sign in from here?"
    )


def test_the_start_reports_a_read_only_database(postgresql: OwnPostgreSQL, tmp_path: Path, workers: str) -> None:
    url = postgresql.new_database()
    name = url.rpartition("/")[2].partition("?")[0]
    postgresql.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert complaint(tmp_path, DATABASE_URL=url, WORKERS=workers) == (
        "DATABASE_URL: the database refuses: ReadOnlySQLTransactionError: cannot execute INSERT in a read-only "
        "transaction. It is a standby or read-only: name the primary in DATABASE_URL, or permit writing."
    )


def test_the_start_reports_wrong_settings_in_one_line(tmp_path: Path, workers: str) -> None:
    (tmp_path / ".env").write_text("LOG_FORMAT=json\nDATABASE_URL=mysql://u:hunter2@h\nLOGIN_RATE_LIMIT=often\n")
    line = complaint_in_json(tmp_path, WORKERS=workers)
    assert line["event"] == "The configuration is unusable."
    assert line["problems"] == [
        "DATABASE_URL: must be sqlite:///path/to/file.db or postgresql://user:password@host/name",
        "LOGIN_RATE_LIMIT: must be one limit, such as 10/15 minutes",
    ]
