import json
import sqlite3
from pathlib import Path

import pytest
import structlog
from dotenv import dotenv_values

from jwtapi import __version__
from jwtapi.secret_strength import weakness_of
from jwtapi.settings import Settings
from tests.cli.conftest import Run
from tests.cli.test_doctor import answering_to_tls
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD
from tests.support.postgresql import PostgreSQL
from tests.support.rights import as_nobody


def test_secrets_are_printed_as_lines_for_dot_env(run: Run, folder: Path) -> None:
    (folder / "printed").write_text(run("secrets").stdout)
    values = dotenv_values(folder / "printed")
    assert values.keys() == {"JWT_SECRET", "REFRESH_SECRET"}
    assert [weakness_of(value or "") for value in values.values()] == [None, None]


@on_sqlite
async def test_the_openapi_document_is_printed_also_where_the_server_does_not_show_it(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, run_api: RunApi
) -> None:
    monkeypatch.setenv("COOKIE_NAME", "it")
    monkeypatch.setenv("METRICS_ENABLED", "true")
    printed = json.loads(run("openapi").stdout)
    async with run_api(cookie_name="it", metrics_enabled=True) as api:
        assert (await api.client().get("/openapi.json")).json() == printed
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("BCRYPT_ROUNDS", "12")
    assert json.loads(run("openapi").stdout)["paths"].keys() == printed["paths"].keys()
    assert not (folder / ".env").exists()
    assert not (folder / "jwtapi.db").exists()


def test_the_command_migrate_makes_the_schema_and_can_be_repeated(run: Run) -> None:
    for _ in range(2):
        result = run("migrate")
        assert (result.exit_code, result.stdout) == (0, "The schema is up to date.\n")


def test_the_version_is_printed(run: Run, folder: Path) -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"jwtapi {__version__}\n")
    assert list(folder.iterdir()) == []


def test_the_first_start_in_development_makes_secrets_and_says_so(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jwtapi.server.serve", lambda _: None)
    assert run("serve").stderr == "Wrote new random JWT_SECRET and REFRESH_SECRET to .env.\n"
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
    assert run("serve").stderr == ""


BUT_SERVE: tuple[tuple[tuple[str, ...], str | None], ...] = (
    (("user", "create", "alice"), PASSWORD),
    (("user", "list"), None),
    (("user", "show", "alice"), None),
    (("user", "roles", "alice", "--add", "staff"), None),
    (("user", "disable", "alice"), None),
    (("user", "enable", "alice"), None),
    (("user", "set-password", "alice"), PASSWORD),
    (("user", "delete", "alice", "--yes"), None),
    (("sessions", "prune"), None),
    (("events",), None),
    (("migrate",), None),
    (("db", "copy", "sqlite:///jwtapi.db", "sqlite:///copy.db"), None),
    (("doctor",), None),
    (("secrets",), None),
)
"""All commands but the one that signs and verifies."""


@pytest.mark.parametrize(("words", "stdin"), BUT_SERVE, ids=[" ".join(words) for words, _ in BUT_SERVE])
def test_in_an_empty_folder_only_commands_that_make_a_database_leave_files(
    run: Run, folder: Path, words: tuple[str, ...], stdin: str | None
) -> None:
    result = run(*words, stdin=stdin)
    makes_it = words[:2] == ("user", "create") or words == ("migrate",)
    left = {path.name for path in folder.iterdir()}
    assert left == ({"jwtapi.db", "jwtapi.db-lock"} if makes_it else set())
    assert result.exit_code == (0 if makes_it or words in {("doctor",), ("secrets",)} else 1)
    if words[0] in {"user", "sessions", "events"} and not makes_it:
        assert result.stderr == (
            "DATABASE_URL: jwtapi.db does not exist. "
            "Run this command in the folder of the server, or set DATABASE_URL to its database.\n"
        )


def test_only_serving_asks_for_secrets(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In production nothing makes them; and whoever administers users need not be allowed to read them."""
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("BCRYPT_ROUNDS", "10")
    monkeypatch.setenv("REFRESH_SECRET", "too short")
    monkeypatch.setenv("JWT_SECRET_FILE", str(folder / "missing"))
    monkeypatch.setenv("JWT_SECRET_PREVIOUS_FILE", str(folder / "missing"))
    for words, stdin in BUT_SERVE:
        if words != ("doctor",):
            result = run(*words, stdin=stdin)
            assert result.exit_code == 0, (words, result.output)
    for command in ("serve", "doctor"):
        assert "JWT_SECRET_FILE: cannot read the file" in run(command).output


@pytest.mark.parametrize("where", ("environment", "file", "named file"))
def test_in_production_there_is_no_start_without_secrets(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "environment":
        monkeypatch.setenv("ENVIRONMENT", "production")
    elif where == "file":
        (folder / ".env").write_text("ENVIRONMENT=production\n")
    else:
        (folder / "environment").write_text("production\n")
        monkeypatch.setenv("ENVIRONMENT_FILE", str(folder / "environment"))
    monkeypatch.setenv("BCRYPT_ROUNDS", "10")
    result = run("serve")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "The configuration is unusable.",
        "  JWT_SECRET: missing; make both secrets with `jwtapi secrets`",
        "  REFRESH_SECRET: missing; make both secrets with `jwtapi secrets`",
    ]


def test_a_first_start_that_cannot_write_dot_env_says_what_to_do(run: Run, folder: Path) -> None:
    folder.chmod(0o555)
    with as_nobody():
        result = run("serve")
    assert result.exit_code == 1
    assert result.stderr == (
        "Cannot write .env: Permission denied. Set JWT_SECRET and REFRESH_SECRET (`jwtapi secrets`).\n"
    )


def test_no_command_runs_in_a_deleted_folder(run: Run, folder: Path) -> None:
    folder.rmdir()
    result = run("serve")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "The configuration is unusable.",
        "  the working directory: No such file or directory; change to one that exists",
    ]


COMMANDS = (("serve",), ("migrate",), ("user", "list"), ("sessions", "prune"), ("doctor",))


@pytest.mark.parametrize("words", COMMANDS)
def test_a_line_of_dot_env_that_is_not_understood_stops_every_command(
    run: Run, folder: Path, words: tuple[str, ...]
) -> None:
    (folder / ".env").write_text("PORT=5000\nENVIRONMENT: production\n")
    result = run(*words)
    assert result.exit_code == 1
    assert ".env: line 2: not understood" in result.output
    assert [path.name for path in folder.iterdir()] == [".env"]
    assert (folder / ".env").read_text() == "PORT=5000\nENVIRONMENT: production\n"


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("what", ("file", "folder", "folder of that name"))
def test_an_unreadable_file_is_reported_in_one_line(run: Run, folder: Path, words: tuple[str, ...], what: str) -> None:
    if what == "folder of that name":
        (folder / ".env").mkdir()
    else:
        (folder / ".env").touch(mode=0)
    folder.chmod(0 if what == "folder" else 0o755)
    with as_nobody():
        result = run(*words)
    folder.chmod(0o700)
    assert result.exit_code == 1
    reason = "Is a directory" if what == "folder of that name" else "Permission denied"
    assert result.output.splitlines()[-1].endswith(f".env: cannot be read: {reason}")
    assert isinstance(result.exception, SystemExit)


def test_commands_work_and_warn_on_the_schema_of_a_later_version(run: Run, folder: Path) -> None:
    run("migrate")
    with sqlite3.connect(folder / "jwtapi.db") as database:
        database.execute("UPDATE jwtapi_schema_version SET version_num = '9999'")
    with structlog.testing.capture_logs() as logs:
        assert run("user", "list").exit_code == 0
    assert [(entry["log_level"], entry["event"]) for entry in logs] == [
        (
            "warning",
            "a later version has migrated the database; this one works with it only if it is the version before",
        )
    ]


def test_the_command_sessions_prune_reports_how_many_it_deleted(run: Run) -> None:
    assert run("user", "create", "alice", stdin=PASSWORD).exit_code == 0
    assert run("sessions", "prune").stdout == "Sessions deleted: 0.\n"


def test_serving_starts_the_server_with_what_the_command_line_says(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server itself is tested in tests/processes."""
    served = []

    def serve(settings: Settings) -> None:
        served.append((settings.host, settings.port, settings.workers))

    monkeypatch.setattr("jwtapi.server.serve", serve)
    monkeypatch.setenv("TRUSTED_PROXIES", "0.0.0.0/0")
    result = run("serve", "--host", "127.0.0.2", "--port", "4999", "--workers", "3")
    assert result.exit_code == 0
    assert served == [("127.0.0.2", 4999, 3)]


def test_only_serving_and_migrating_change_the_schema_of_a_database_that_others_may_use(
    run: Run, monkeypatch: pytest.MonkeyPatch, postgresql: PostgreSQL
) -> None:
    monkeypatch.setattr("jwtapi.server.serve", lambda _: None)
    monkeypatch.setenv("DATABASE_URL", postgresql.new_empty_database())
    result = run("user", "list")
    assert result.exit_code == 1
    assert result.stderr.endswith("DATABASE_URL: the database schema is out of date: run `jwtapi migrate`.\n")
    assert run("serve").exit_code == 0
    assert run("user", "list").exit_code == 0


@pytest.mark.parametrize(
    ("address", "is_awaited"),
    (
        ("postgresql://u@127.0.0.1:1/d", True),
        ("postgresql://u@no-such-host.invalid/d", True),
        ("postgresql://u@/d?host=/nowhere", True),
        ("postgresql://u@127.0.0.1:1/d?sslrootcert=/nowhere&sslmode=verify-full", False),
        ("postgresql://u@127.0.0.1:1/d?nonsense", False),
        ("{another}", False),
    ),
)
def test_commands_wait_only_for_outages_of_the_database(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    postgresql: PostgreSQL,
    address: str,
    is_awaited: bool,  # noqa: FBT001  it says what it is
) -> None:
    another = postgresql.new_database().replace("/test_", "/missing_")
    monkeypatch.setenv("DATABASE_URL", address.format(another=another))
    with structlog.testing.capture_logs() as logs:
        assert run("migrate", "--wait-for-database=1").exit_code == 1
    assert [entry["event"] for entry in logs] == ["waiting for the database"] * is_awaited


def test_commands_do_not_wait_for_a_postgresql_without_tls(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering_to_tls(b"N") as port, structlog.testing.capture_logs() as logs:
        monkeypatch.setenv("DATABASE_URL", f"postgresql://u@127.0.0.1:{port}/d?sslmode=require")
        assert run("migrate", "--wait-for-database=0.2").exit_code == 1
    assert logs == []


def test_serving_warns_once_of_a_python_with_known_holes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwtapi.server.serve", lambda _: None)
    for version, warnings in (((3, 11, 7), 1), ((3, 11, 16), 0)):
        monkeypatch.setattr("jwtapi.interpreter.RUNNING", version)
        with structlog.testing.capture_logs() as logs:
            assert run("serve").exit_code == 0
        assert sum("known vulnerabilities" in entry["event"] for entry in logs) == warnings


def test_serving_warns_of_rows_that_it_may_not_delete(
    run: Run, monkeypatch: pytest.MonkeyPatch, postgresql: PostgreSQL
) -> None:
    monkeypatch.setattr("jwtapi.server.serve", lambda _: None)
    url, role = postgresql.new_database(), postgresql.new_role()
    for kind in ("TABLES", "SEQUENCES"):
        postgresql.execute(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {role}", url)
    postgresql.execute(f"REVOKE DELETE ON events FROM {role}", url)
    monkeypatch.setenv("DATABASE_URL", postgresql.as_role(url, role))
    with structlog.testing.capture_logs() as logs:
        assert run("serve").exit_code == 0
    assert [entry["event"] for entry in logs] == [
        (
            "DATABASE_URL: the database refuses: InsufficientPrivilegeError: permission denied for table events. "
            "GRANT the role of DATABASE_URL what is missing."
        )
    ]
