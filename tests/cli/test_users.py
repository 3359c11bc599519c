import asyncio
import re
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from passlib.hash import bcrypt_sha256

from jwtapi.app import create_app
from jwtapi.composition import open_services, settings_class
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
    ("words", "stdin", "code", "complaint"),
    (
        (("create", "Alice"), PASSWORD, 4, "Username already taken"),
        (("create", "two words"), PASSWORD, 1, "Username must have"),
        (("create", "bob@example.com"), PASSWORD, 1, "Username must not contain @"),
        (("invite", "bob"), None, 1, "This is not a valid e-mail address"),
        (("invite", "bob@example.com\nBcc: eve@example.com"), None, 1, "This is not a valid e-mail address"),
        (("invite", "bob@example.com", "--role", "admin,staff"), None, 1, "A role must not have a comma"),
        (("create", "bob"), "short", 1, "Password must have at least 8 characters"),
        (("create", "bob", "--role", ""), PASSWORD, 1, "A role must be one or more printable characters"),
        (("create", "bob", "--role", "admin,staff"), PASSWORD, 1, "A role must not have a comma"),
        (("roles", "alice", "--add", "admin,staff"), None, 1, "A role must not have a comma"),
        (("create", "bob", "--role", "x" * 1100), PASSWORD, 1, "The roles of a user must not exceed 1024 bytes"),
        (("roles", "alice", "--add", "two\nlines"), None, 1, "A role must be one or more printable characters"),
        (("roles", "nobody", "--add", "staff"), None, 3, "There is no user nobody."),
        (("disable", "nobody"), None, 3, "There is no user nobody."),
        (("set-password", "nobody"), PASSWORD, 3, "There is no user nobody."),
        (("delete", "nobody", "--yes"), None, 3, "There is no user nobody."),
    ),
)
def test_a_refused_user_command_prints_one_line(
    run: Run, words: tuple[str, ...], stdin: str | None, code: int, complaint: str
) -> None:
    result = run("user", *words, stdin=stdin)
    assert result.exit_code == code
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


@pytest.fixture
def without_mail(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001  it sets BCRYPT_ROUNDS first
    for name, value in {
        "ENVIRONMENT": "production",
        "BCRYPT_ROUNDS": "10",
        "PUBLIC_URL": "https://auth.example.com",
        "JWT_SECRET": JWT_SECRET,
        "REFRESH_SECRET": REFRESH_SECRET,
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("without_mail")
def test_without_mail_an_invitation_is_printed_as_a_link_that_registers_once(run: Run, folder: Path) -> None:
    result = run("user", "invite", "bob@example.com", "--role", "staff", "--role", "admin")
    assert result.exit_code == 0
    note = "This server sends no mail. Give this link, which is valid for 7 days, to bob@example.com:\n"
    assert result.stderr == note
    beginning = "https://auth.example.com/account/register#invitation="
    assert result.stdout.startswith(beginning)
    body = {"username": "bob", "password": PASSWORD, "invitation": result.stdout.removeprefix(beginning).strip()}
    assert statuses_of_registrations(folder, body, body | {"username": "carol"}) == [201, 400]
    assert run("user", "list").stdout.split("\t")[3] == "staff,admin"


def statuses_of_registrations(folder: Path, *bodies: dict[str, str]) -> list[int]:
    settings = load_settings(
        kind=settings_class(),
        env_file=None,
        jwt_secret=JWT_SECRET,
        refresh_secret=REFRESH_SECRET,
        database_url=f"sqlite:///{folder}/jwtapi.db",
        registration="invite",
    )

    async def register() -> list[int]:
        async with running_api(settings, FakeClock()) as api:
            return [(await api.client().post("/register", json=body)).status_code for body in bodies]

    return asyncio.run(register())


def test_with_mail_an_invitation_waits_in_the_outbox_in_the_language_that_was_asked_for(run: Run, folder: Path) -> None:
    """Nothing is printed that registers. In development the first command makes the secrets, as a start does."""
    result = run("user", "invite", "Bob@example.com", "--language", "de")
    assert (result.exit_code, result.stdout) == (0, "Invited Bob@example.com by mail.\n")
    with sqlite3.connect(folder / "jwtapi.db") as database:
        assert database.execute("SELECT kind, language, recipient FROM mails").fetchall() == [
            ("invitation", "de", None)
        ]
    database.close()
    assert run("user", "invite", "bob@example.com", "--language", "tlh").exit_code == 2


@pytest.mark.usefixtures("without_mail")
def test_where_registration_is_closed_the_command_line_creates_users_and_invites_nobody(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRATION", "closed")
    result = run("user", "invite", "bob@example.com")
    assert (result.exit_code, result.stderr) == (1, "Registration is closed\n")
    assert run("user", "create", "bob", stdin=f"{PASSWORD}\n").exit_code == 0


@pytest.mark.usefixtures("without_mail")
def test_an_invitation_needs_an_address_that_people_can_reach(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBLIC_URL")
    result = run("user", "invite", "bob@example.com")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("PUBLIC_URL: missing")


@pytest.mark.usefixtures("without_mail")
def test_an_invitation_needs_the_secrets_that_the_server_verifies_it_with(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REFRESH_SECRET")
    result = run("user", "invite", "bob@example.com")
    assert result.exit_code == 1
    assert "REFRESH_SECRET: missing" in result.stderr


SECRETS = f"JWT_SECRET={JWT_SECRET}\nREFRESH_SECRET={REFRESH_SECRET}\n"


def reset_status(folder: Path, link: str, **settings: Any) -> int:
    """What the API of this folder answers to the token of a link."""
    token = dict(parse_qsl(urlsplit(link).fragment))["token"]
    loaded = load_settings(
        kind=settings_class(),
        env_file=None,
        jwt_secret=JWT_SECRET,
        database_url=f"sqlite:///{folder}/jwtapi.db",
        **({"refresh_secret": REFRESH_SECRET} | settings),
    )

    async def reset() -> int:
        async with open_services(loaded) as services:
            transport = httpx.ASGITransport(create_app(services))
            async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as client:
                body = {"token": token, "password": "another password"}
                return (await client.post("/password/reset", json=body)).status_code

    return asyncio.run(reset())


@pytest.mark.usefixtures("alice")
def test_the_printed_link_sets_a_password_once_without_an_address_and_without_mail(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text(SECRETS)
    monkeypatch.setenv("PUBLIC_URL", "https://auth.example.com")
    result = run("user", "reset-link", "Alice")
    link = result.stdout.removesuffix("\n")
    assert result.exit_code == 0
    assert re.fullmatch(r"https://auth\.example\.com/account/reset#token=[\w-]{72}&account=alice", link)
    assert reset_status(folder, link, refresh_secret="c" + REFRESH_SECRET[:-1]) == 400
    assert [reset_status(folder, link) for _ in range(2)] == [200, 400]
    assert statuses_of_logins(folder, "another password", PASSWORD) == [200, 401]


@pytest.mark.usefixtures("alice")
def test_a_link_is_only_printed_if_it_can_work(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text(SECRETS)
    assert run("user", "reset-link", "nobody").stderr == "There is no user nobody.\n"
    run("user", "disable", "alice")
    disabled = run("user", "reset-link", "alice")
    assert (disabled.exit_code, disabled.stdout) == (1, "")
    assert disabled.stderr == "The user is disabled, so no link works. Enable the user first.\n"
    run("user", "enable", "alice")
    monkeypatch.setenv("ACCOUNT_PAGE_ENABLED", "false")
    assert "ACCOUNT_URL" in run("user", "reset-link", "alice").stderr
    monkeypatch.setenv("ACCOUNT_URL", "https://app.example/me")
    assert run("user", "reset-link", "alice").stdout.startswith("https://app.example/me/reset#token=")


@pytest.mark.usefixtures("alice")
def test_in_production_a_link_needs_the_public_address_and_the_secrets(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("BCRYPT_ROUNDS", "10")
    without = run("user", "reset-link", "alice")
    assert (without.exit_code, without.stdout) == (1, "")
    assert "JWT_SECRET: missing" in without.stderr
    assert "REFRESH_SECRET: missing" in without.stderr
    (folder / ".env").write_text(SECRETS)
    assert run("user", "reset-link", "alice").stderr.startswith("PUBLIC_URL: missing")


@pytest.mark.usefixtures("alice")
def test_printing_a_link_is_recorded_without_the_token(run: Run, folder: Path) -> None:
    (folder / ".env").write_text(SECRETS)
    link = run("user", "reset-link", "alice").stdout
    with sqlite3.connect(folder / "jwtapi.db") as database:
        events = database.execute("SELECT type, details FROM events ORDER BY id").fetchall()
    database.close()
    assert events[-1] == ("user.reset_link_printed", None)
    assert dict(parse_qsl(urlsplit(link).fragment))["token"] not in str(events)
