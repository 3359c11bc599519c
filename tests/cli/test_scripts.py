"""What scripts rely on: exit codes, commands that can be repeated, several names, JSON Lines."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO, TextIOWrapper
from pathlib import Path
from uuid import UUID

import pytest
import typer

from jwtapi.cli.main import app
from jwtapi.cli.output import columns, visible, write
from jwtapi.cli.running import EXIT_CODES
from jwtapi.storage.sessions import Session
from jwtapi.storage.unit_of_work import UnitOfWork
from tests.cli.conftest import Run, Store
from tests.cli.test_keys import start_a_server
from tests.cli.test_user_list import user
from tests.support.api import PASSWORD


@pytest.fixture
def two_users(run: Run) -> None:
    for name in ("alice", "bob"):
        assert run("user", "create", name, stdin=PASSWORD).exit_code == 0


def states(run: Run) -> dict[str, str]:
    return {(row := line.split("\t"))[0]: row[4] for line in run("user", "list").stdout.splitlines()}


@pytest.mark.usefixtures("two_users")
def test_all_names_are_tried_and_each_failure_is_one_line(run: Run) -> None:
    result = run("user", "disable", "alice", "nobody", "bob", "neither", "alice")
    assert result.exit_code == 3
    assert result.stdout == "Disabled alice.\nDisabled bob.\n"
    assert result.stderr == "There is no user nobody.\nThere is no user neither.\n"
    assert states(run) == {"alice": "disabled", "bob": "disabled"}
    assert run("user", "enable", "alice", "bob").stdout == "Enabled alice.\nEnabled bob.\n"


@pytest.mark.usefixtures("two_users")
def test_failures_of_different_kinds_are_the_code_of_a_failure(run: Run) -> None:
    result = run("user", "roles", "alice", "two words", "nobody", "--add", "staff")
    assert result.exit_code == 1
    assert result.stdout == "alice has staff.\n"
    of_invalid, of_missing = result.stderr.splitlines()
    assert of_invalid.startswith("two words: Username must have")
    assert of_missing == "There is no user nobody."


@pytest.mark.usefixtures("two_users")
def test_what_is_not_there_is_no_failure_if_the_command_is_told_so(run: Run) -> None:
    for _ in range(2):
        result = run("user", "delete", "bob", "--yes", "--if-exists")
        assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "There is no user bob.\n"
    for command in (
        ("user", "disable", "bob"),
        ("user", "enable", "bob"),
        ("user", "roles", "bob"),
        ("user", "reset-mfa", "bob"),
        ("client", "delete", "bob", "--yes"),
        ("mail", "retry", str(UUID(int=1))),
    ):
        assert run(*command).exit_code == 3, command
        assert run(*command, "--if-exists").exit_code == 0, command
    assert run("user", "disable", "bob", "two words", "--if-exists").exit_code == 1
    assert states(run) == {"alice": "enabled"}


@pytest.mark.usefixtures("two_users")
def test_json_has_no_line_of_text_for_a_user_who_is_not_there(run: Run) -> None:
    result = run("user", "roles", "nobody", "alice", "--if-exists", "--json")
    assert (result.exit_code, result.stderr) == (0, "There is no user nobody.\n")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [{"username": "alice", "roles": []}]


@pytest.mark.usefixtures("two_users")
@pytest.mark.parametrize(
    "command", (("user", "list", "--query"), ("user", "list", "--role"), ("events", "--type"), ("events", "--address"))
)
def test_an_argument_that_is_not_utf_8_is_refused(run: Run, command: tuple[str, ...]) -> None:
    result = run(*command, "b\udcff")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "An argument is not UTF-8.\n")


@pytest.mark.parametrize(
    ("ending", "code", "stderr"),
    (("> /dev/full", 1, b"Standard output: No space left on device.\n"), (">&-", 0, b"")),
)
def test_output_that_nobody_can_take_ends_without_a_traceback(ending: str, code: int, stderr: bytes) -> None:
    program = str(Path(sys.executable).with_name("jwtapi"))
    done = subprocess.run(["/bin/sh", "-c", f'"$0" --version {ending}', program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (code, stderr)


def test_a_terminal_without_utf_8_gets_what_it_lacks_as_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    written = BytesIO()
    monkeypatch.setattr("sys.stdout", TextIOWrapper(written, encoding="latin-1"))
    write(["zoë", "łukasz"])
    assert written.getvalue() == b"zo\xeb\n\\u0142ukasz\n"


@pytest.mark.usefixtures("two_users")
def test_a_user_who_exists_stays_as_is_if_the_command_is_told_so(run: Run) -> None:
    before = run("user", "show", "alice", "--json").stdout
    result = run("user", "create", "Alice", "--role", "admin", "--if-not-exists", stdin="short")
    assert (result.exit_code, result.stdout) == (0, "Alice exists.\n")
    assert run("user", "show", "alice", "--json").stdout == before
    carol = run("user", "create", "carol", "--if-not-exists", stdin=PASSWORD)
    assert (carol.exit_code, carol.stdout) == (0, "Created carol.\n")


def test_a_client_that_exists_stays_as_it_is_if_the_command_is_told_so(run: Run) -> None:
    assert run("client", "create", "billing", "--if-not-exists").stdout.startswith("CLIENT_ID=")
    before = run("client", "list").stdout
    again = run("client", "create", "billing", "--if-not-exists")
    assert (again.exit_code, again.stdout) == (0, "")
    assert again.stderr == "billing exists. Its secret cannot be shown again.\n"
    assert run("client", "list").stdout == before


@pytest.mark.usefixtures("two_users")
def test_a_name_that_is_held_back_does_not_exist(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwtapi.users.held_names.HeldNames.is_free", lambda *_: False)
    result = run("user", "create", "carol", "--if-not-exists", stdin=PASSWORD)
    assert (result.exit_code, result.stderr) == (4, "Username already taken\n")


def commands(group: typer.Typer, *path: str) -> Iterator[tuple[str, ...]]:
    for each in group.registered_commands:
        assert each.callback is not None
        yield (*path, each.name or each.callback.__name__.replace("_", "-"))
    for below in group.registered_groups:
        assert below.typer_instance is not None
        assert below.name is not None
        yield from commands(below.typer_instance, *path, below.name)


def test_the_help_of_every_command_states_the_exit_codes(run: Run) -> None:
    found = list(commands(app))
    assert ("user", "set-password") in found
    for words in found:
        text = " ".join(run(*words, "--help").stdout.split())
        assert EXIT_CODES in re.sub(r"[│╭╰─╮╯ ]+", " ", text), words


def test_the_page_on_the_command_line_has_every_command() -> None:
    page = (Path(__file__).parents[2] / "docs/command-line.md").read_text()
    named = [" ".join(("jwtapi", *words)) for words in commands(app)]
    assert [each for each in named if re.search(rf"^{each}\b", page, re.MULTILINE) is None] == []


LISTS = (
    ("user", "list"),
    ("client", "list"),
    ("api-key", "list"),
    ("keys", "list"),
    ("mail", "list"),
    ("sessions", "list", "alice"),
    ("events",),
    ("doctor",),
)


@pytest.mark.usefixtures("two_users")
def test_every_list_is_printed_as_json_lines_with_the_same_number_of_entries(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNING_ALGORITHM", "ES256")
    run("client", "create", "billing")
    run("api-key", "create", "alice", "--name", "backup")
    run("mail", "test", "alice@example.com")
    run("keys", "list")  # makes the secrets
    start_a_server()
    for words in LISTS:
        lines, objects = run(*words), run(*words, "--json")
        assert lines.exit_code == objects.exit_code, words
        parsed = [json.loads(line) for line in objects.stdout.splitlines()]
        assert all(isinstance(each, dict) for each in parsed)
        assert parsed or words in {("doctor",), ("sessions", "list", "alice")}, words
        assert len(parsed) == len(lines.stdout.splitlines()) - ("Nothing is wrong" in lines.stdout), words
    roles = run("user", "roles", "alice", "bob", "--add", "staff", "--json").stdout.splitlines()
    assert [json.loads(line) for line in roles] == [
        {"username": "alice", "roles": ["staff"]},
        {"username": "bob", "roles": ["staff"]},
    ]


def test_sessions_are_listed_without_the_control_characters_of_what_a_browser_calls_itself(
    run: Run, store: Store
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    later = now.replace(year=now.year + 1, day=1)
    alice = user(1, "alice")
    session = Session(
        id=UUID(int=7),
        user_id=alice.id,
        generation=0,
        key=bytes(32),
        created_at=now,
        refreshed_at=now,
        expires_at=later,
        ends_at=later,
        revoked_at=None,
        amr=["pwd", "otp"],
        address="203.0.113.7",
        user_agent="\x1b]0;owned\x07\u202e Firefox",
    )

    def add(uow: UnitOfWork) -> None:
        uow.users.add(alice)
        uow.sessions.add(session)

    store(add)
    at = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    agent = r"\x1b]0;owned\x07\u202e Firefox"
    assert run("sessions", "list", "alice").stdout.split("\t") == [
        str(session.id),
        at,
        at,
        "203.0.113.7",
        "pwd,otp",
        f"{agent}\n",
    ]
    assert json.loads(run("sessions", "list", "alice", "--json").stdout) == {
        "id": str(session.id),
        "createdAt": at,
        "lastUsedAt": at,
        "expiresAt": f"{later:%Y-%m-%dT%H:%M:%SZ}",
        "address": "203.0.113.7",
        "userAgent": session.user_agent,
        "amr": ["pwd", "otp"],
    }
    assert run("sessions", "list", "nobody").exit_code == 3


def test_a_refusal_repeats_no_control_character(run: Run) -> None:
    run("migrate")
    result = run("client", "delete", "x\x1b[2Jy\nz", "--yes")
    assert (result.exit_code, result.stderr) == (3, "There is no client x\\x1b[2Jy\\nz.\n")


def test_characters_that_nobody_sees_are_written_out() -> None:
    assert visible("Zoë 日本 a") == "Zoë 日本 a"
    assert visible("a\tb\x7f\x9b\u200b\u2066\udcff") == r"a\tb\x7f\x9b\u200b\u2066\udcff"
    assert columns("a\tb", None, "", "c\nd") == "a\\tb\t-\t-\tc\\nd"
