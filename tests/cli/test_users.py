import asyncio
import sqlite3
from pathlib import Path

import pytest
from passlib.hash import bcrypt_sha256

from jwtapi.composition import settings_class
from jwtapi.settings import load_settings
from tests.cli.conftest import Run
from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import PASSWORD, running_api
from tests.support.clock import FakeClock


@pytest.fixture
def alice(run: Run) -> None:
    assert run("user", "create", "alice", stdin=f"{PASSWORD}\n").exit_code == 0


def statuses_of_logins(folder: Path, *passwords: str) -> list[int]:
    """What the API answers when alice signs in with each of these passwords."""
    settings = load_settings(
        kind=settings_class(),
        env_file=None,
        jwt_secret=JWT_SECRET,
        refresh_secret=REFRESH_SECRET,
        database_url=f"sqlite:///{folder}/jwtapi.db",
    )

    async def log_in() -> list[int]:
        async with running_api(settings, FakeClock()) as api:
            bodies = ({"username": "alice", "password": password} for password in passwords)
            return [(await api.client().post("/login", json=body)).status_code for body in bodies]

    return asyncio.run(log_in())


@pytest.mark.usefixtures("alice")
def test_the_command_line_creates_and_lists_a_user_with_roles(run: Run) -> None:
    result = run("user", "create", "bob", "--role", "admin", "--role", "editor", stdin=f"{PASSWORD}\n")
    assert (result.exit_code, result.stdout) == (0, "Created bob.\n")
    rows = [line.split("\t") for line in run("user", "list").stdout.splitlines()]
    assert [(row[0], row[3], row[4]) for row in rows] == [
        ("alice", "-", "enabled"),
        ("bob", "admin,editor", "enabled"),
    ]


def test_the_command_line_creates_users_with_reserved_names_and_strips_spaces(run: Run) -> None:
    assert run("user", "create", " Admin ", stdin=f"{PASSWORD}\n").stdout == "Created Admin.\n"
    assert run("user", "create", "root", stdin=f"{PASSWORD}\n").exit_code == 0
    assert run("user", "disable", "admin ").exit_code == 0
    assert [line.partition("\t")[0] for line in run("user", "list").stdout.splitlines()] == ["Admin", "root"]
    mixed = run("user", "create", "аdmin", stdin=f"{PASSWORD}\n")  # the first letter is Cyrillic
    assert (mixed.exit_code, "scripts" in mixed.stderr) == (1, True)


@pytest.mark.usefixtures("alice")
def test_the_command_line_disables_and_enables_a_user(run: Run) -> None:
    assert run("user", "disable", "alice").stdout == "Disabled alice.\n"
    assert run("user", "list").stdout.endswith("\tdisabled\n")
    assert run("user", "enable", "alice").stdout == "Enabled alice.\n"
    assert run("user", "list").stdout.endswith("\tenabled\n")


@pytest.mark.usefixtures("alice")
def test_the_command_user_roles_adds_removes_and_prints_roles(run: Run) -> None:
    assert run("user", "roles", "alice").stdout == "alice has no role.\n"
    assert run("user", "roles", "alice", "--add", "staff", "--add", "admin").stdout == "alice has staff, admin.\n"
    assert run("user", "roles", "alice", "--add", "editor", "--remove", "staff").stdout == "alice has admin, editor.\n"
    assert run("user", "list").stdout.split("\t")[3] == "admin,editor"


@pytest.mark.usefixtures("alice")
def test_the_user_can_sign_in_with_the_password_set_on_the_command_line_and_no_longer_with_the_old_one(
    run: Run, folder: Path
) -> None:
    result = run("user", "set-password", "alice", stdin="another password\n")
    assert (result.exit_code, result.stdout) == (0, "Set the password of alice.\n")
    assert statuses_of_logins(folder, "another password", PASSWORD) == [200, 401]


@pytest.mark.usefixtures("alice")
def test_the_command_user_delete_asks_first(run: Run) -> None:
    assert run("user", "delete", "alice", stdin="n\n").exit_code == 1
    assert run("user", "list").stdout.startswith("alice\t")
    assert run("user", "delete", "alice", "--yes").stdout == "Deleted alice.\n"
    assert run("user", "list").stdout == ""


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize(
    ("words", "stdin", "complaint"),
    (
        (("create", "Alice"), PASSWORD, "Username already taken"),
        (("create", "two words"), PASSWORD, "Username must have"),
        (("create", "bob"), "short", "Password must have at least 8 characters"),
        (("create", "bob", "--role", ""), PASSWORD, "A role must be one or more printable characters"),
        (("create", "bob", "--role", "admin,staff"), PASSWORD, "A role must not have a comma"),
        (("roles", "alice", "--add", "admin,staff"), None, "A role must not have a comma"),
        (("create", "bob", "--role", "x" * 1100), PASSWORD, "The roles of a user must not exceed 1024 bytes"),
        (("roles", "alice", "--add", "two\nlines"), None, "A role must be one or more printable characters"),
        (("roles", "nobody", "--add", "staff"), None, "There is no user nobody."),
        (("disable", "nobody"), None, "There is no user nobody."),
        (("set-password", "nobody"), PASSWORD, "There is no user nobody."),
        (("delete", "nobody", "--yes"), None, "There is no user nobody."),
    ),
)
def test_a_refused_user_command_prints_one_line(
    run: Run, words: tuple[str, ...], stdin: str | None, complaint: str
) -> None:
    result = run("user", *words, stdin=stdin)
    assert result.exit_code == 1
    assert result.stderr.startswith(complaint)
    assert result.stderr.count("\n") == 1


def test_a_user_command_reports_in_one_line_that_the_database_does_not_answer(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "is-a-folder").mkdir()
    monkeypatch.setenv("DATABASE_URL", "sqlite:///is-a-folder")
    result = run("user", "list")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("DATABASE_URL: the database does not answer: IsADirectoryError: ")


def test_at_a_terminal_the_password_is_asked_for_twice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwtapi.cli.users._is_interactive", lambda: True)
    result = run("user", "create", "alice", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    assert PASSWORD not in result.output


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize("end", ("", "\n", "\r\n", "\r"))
def test_the_end_of_the_line_is_not_part_of_a_password_from_standard_input(run: Run, folder: Path, end: str) -> None:
    assert run("user", "create", "bob", stdin=f"\ufeff{PASSWORD}{end}").exit_code == 0
    assert run("user", "set-password", "alice", stdin=f"{PASSWORD}{end}").exit_code == 0
    with sqlite3.connect(folder / "jwtapi.db") as database:
        hashes = [row[0] for row in database.execute("SELECT password_hash FROM users")]
    database.close()
    assert [bcrypt_sha256.verify(PASSWORD, stored) for stored in hashes] == [True, True]


def test_a_password_from_standard_input_that_is_not_utf_8_is_refused(run: Run) -> None:
    result = run("user", "create", "bob", stdin=b"\xff\xfep\x00")
    assert (result.exit_code, result.stderr) == (1, "The password on standard input is not UTF-8.\n")


def test_a_user_name_that_looks_like_an_option_cannot_be_created(run: Run) -> None:
    for name in ("--help", "-x", "\uff0d-yes"):
        result = run("user", "create", "--", name, stdin=PASSWORD)
        assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "Username must not begin with a hyphen")


@pytest.mark.usefixtures("alice")
def test_an_old_user_name_that_looks_like_an_option_can_be_given_after_two_hyphens(run: Run, folder: Path) -> None:
    with sqlite3.connect(folder / "jwtapi.db") as database:
        database.execute("UPDATE users SET username = '--help', canonical_username = '--help'")
    database.close()
    assert run("user", "disable", "--", "--help").stdout == "Disabled --help.\n"
    assert run("user", "roles", "--add", "staff", "--", "--help").stdout == "--help has staff.\n"
    assert run("user", "set-password", "--", "--help", stdin=PASSWORD).stdout == "Set the password of --help.\n"
    assert run("user", "list").stdout.endswith("\tstaff\tdisabled\n")
    assert run("user", "delete", "--yes", "--", "--help").stdout == "Deleted --help.\n"
