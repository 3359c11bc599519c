import sqlite3
from pathlib import Path

import pytest
from passlib.hash import bcrypt_sha256

from tests.cli.conftest import Run
from tests.support.api import PASSWORD


@pytest.fixture
def alice(run: Run) -> None:
    assert run("user", "create", "alice", stdin=f"{PASSWORD}\n").exit_code == 0


@pytest.mark.usefixtures("alice")
def test_a_user_is_created_with_roles_and_listed(run: Run) -> None:
    result = run("user", "create", "bob", "--role", "admin", "--role", "editor", stdin=f"{PASSWORD}\n")
    assert (result.exit_code, result.stdout) == (0, "Created bob.\n")
    rows = [line.split("\t") for line in run("user", "list").stdout.splitlines()]
    assert [(row[0], row[3], row[4]) for row in rows] == [
        ("alice", "-", "enabled"),
        ("bob", "admin,editor", "enabled"),
    ]


def test_the_command_line_makes_users_of_reserved_names_and_cuts_spaces(run: Run) -> None:
    assert run("user", "create", " Admin ", stdin=f"{PASSWORD}\n").stdout == "Created Admin.\n"
    assert run("user", "create", "root", stdin=f"{PASSWORD}\n").exit_code == 0
    assert run("user", "disable", "admin ").exit_code == 0
    assert [line.partition("\t")[0] for line in run("user", "list").stdout.splitlines()] == ["Admin", "root"]
    mixed = run("user", "create", "аdmin", stdin=f"{PASSWORD}\n")  # the first letter is Cyrillic
    assert (mixed.exit_code, "scripts" in mixed.stderr) == (1, True)


@pytest.mark.usefixtures("alice")
def test_a_user_is_disabled_and_enabled(run: Run) -> None:
    assert run("user", "disable", "alice").stdout == "Disabled alice.\n"
    assert run("user", "list").stdout.endswith("\tdisabled\n")
    assert run("user", "enable", "alice").stdout == "Enabled alice.\n"
    assert run("user", "list").stdout.endswith("\tenabled\n")


@pytest.mark.usefixtures("alice")
def test_roles_are_added_removed_and_printed(run: Run) -> None:
    assert run("user", "roles", "alice").stdout == "alice has no role.\n"
    assert run("user", "roles", "alice", "--add", "staff", "--add", "admin").stdout == "alice has staff, admin.\n"
    assert run("user", "roles", "alice", "--add", "editor", "--remove", "staff").stdout == "alice has admin, editor.\n"
    assert run("user", "list").stdout.split("\t")[3] == "admin,editor"


@pytest.mark.usefixtures("alice")
def test_a_password_is_set(run: Run) -> None:
    result = run("user", "set-password", "alice", stdin="another password\n")
    assert (result.exit_code, result.stdout) == (0, "Set the password of alice.\n")


@pytest.mark.usefixtures("alice")
def test_deleting_asks_first(run: Run) -> None:
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
        (("create", "bob", "--role", ""), PASSWORD, "A role wants printable characters"),
        (("create", "bob", "--role", "admin,staff"), PASSWORD, "A role has no comma"),
        (("roles", "alice", "--add", "admin,staff"), None, "A role has no comma"),
        (("create", "bob", "--role", "x" * 1100), PASSWORD, "The roles of a user must not exceed 1024 bytes"),
        (("roles", "alice", "--add", "two\nlines"), None, "A role wants printable characters"),
        (("roles", "nobody", "--add", "staff"), None, "There is no user nobody."),
        (("disable", "nobody"), None, "There is no user nobody."),
        (("set-password", "nobody"), PASSWORD, "There is no user nobody."),
        (("delete", "nobody", "--yes"), None, "There is no user nobody."),
    ),
)
def test_a_refusal_is_one_line(run: Run, words: tuple[str, ...], stdin: str | None, complaint: str) -> None:
    result = run("user", *words, stdin=stdin)
    assert result.exit_code == 1
    assert result.stderr.startswith(complaint)
    assert result.stderr.count("\n") == 1


def test_a_database_that_does_not_answer_is_one_line(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_what_ends_the_line_is_no_part_of_the_password(run: Run, folder: Path, end: str) -> None:
    assert run("user", "create", "bob", stdin=f"\ufeff{PASSWORD}{end}").exit_code == 0
    assert run("user", "set-password", "alice", stdin=f"{PASSWORD}{end}").exit_code == 0
    with sqlite3.connect(folder / "jwtapi.db") as database:
        hashes = [row[0] for row in database.execute("SELECT password_hash FROM users")]
    database.close()
    assert [bcrypt_sha256.verify(PASSWORD, stored) for stored in hashes] == [True, True]


def test_a_password_that_is_no_text_is_said(run: Run) -> None:
    result = run("user", "create", "bob", stdin=b"\xff\xfep\x00")
    assert (result.exit_code, result.stderr) == (1, "The password on standard input is not UTF-8.\n")


def test_nobody_new_is_called_like_an_option(run: Run) -> None:
    for name in ("--help", "-x", "\uff0d-yes"):
        result = run("user", "create", "--", name, stdin=PASSWORD)
        assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "Username must not begin with a hyphen")


@pytest.mark.usefixtures("alice")
def test_who_has_been_called_like_an_option_comes_behind_two_hyphens(run: Run, folder: Path) -> None:
    with sqlite3.connect(folder / "jwtapi.db") as database:
        database.execute("UPDATE users SET username = '--help', canonical_username = '--help'")
    database.close()
    assert run("user", "disable", "--", "--help").stdout == "Disabled --help.\n"
    assert run("user", "roles", "--add", "staff", "--", "--help").stdout == "--help has staff.\n"
    assert run("user", "set-password", "--", "--help", stdin=PASSWORD).stdout == "Set the password of --help.\n"
    assert run("user", "list").stdout.endswith("\tstaff\tdisabled\n")
    assert run("user", "delete", "--yes", "--", "--help").stdout == "Deleted --help.\n"
