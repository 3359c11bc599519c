"""`jwtapi user list | show` on both databases."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from tests.cli.conftest import Run, Store
from tests.conftest import on_sqlite

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def user(number: int, name: str, **changes: Any) -> User:
    """A user who is created the later, the higher the number."""
    row: dict[str, Any] = {
        "canonical_username": name.casefold(),
        "password_hash": None,
        "roles": [],
        "settings": {},
        "created_at": NOW + timedelta(days=number),
        "disabled_at": None,
    }
    return User(UUID(int=number), name, **(row | changes))


USERS = (
    user(5, "Alice", roles=["admin"], email="Alice@example.com", canonical_email="alice@example.com"),
    user(4, "alfred", disabled_at=NOW),
    user(3, "bob", roles=["admin", "staff"], external_id="auth0|7", metadata={"note": "\x1b[2J\x7f\u202e", "é": [1]}),
    user(2, "robot", is_service_account=True),
    user(1, "zoe", email="al@example.org", canonical_email="al@example.org", password_hash="x"),
)


@pytest.fixture(autouse=True)
def users(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwtapi.cli.user_list._PAGE", 2)

    def add(uow: UnitOfWork) -> None:
        for each in USERS:
            uow.users.add(each)

    store(add)


def names(run: Run, *options: str) -> list[str]:
    result = run("user", "list", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    return [line.partition("\t")[0] for line in result.stdout.splitlines()]


SEARCHES: tuple[tuple[tuple[str, ...], str], ...] = (
    ((), "alfred Alice bob robot zoe"),
    (("--sort", "-username"), "zoe robot bob Alice alfred"),
    (("--sort", "createdAt"), "zoe robot bob alfred Alice"),
    (("--sort", "-createdAt"), "Alice alfred bob robot zoe"),
    (("--query", "AL"), "alfred Alice zoe"),
    (("--query", "al@"), "zoe"),
    (("--query", str(UUID(int=3))), "bob"),
    (("--query", "auth0|7"), "bob"),
    (("--query", "auth0"), ""),
    (("--role", "admin"), "Alice bob"),
    (("--role", "adm"), ""),
    (("--state", "disabled"), "alfred"),
    (("--state", "service"), "robot"),
    (("--role", "admin", "--query", "a"), "Alice"),
    (("--limit", "3"), "alfred Alice bob"),
    (("--limit", "3", "--after", "BOB"), "robot zoe"),
    (("--limit", "1", "--after", str(UUID(int=3)), "--sort", "createdAt"), "alfred"),
)


def test_the_list_has_the_users_who_are_searched_for_in_the_order_that_is_asked_for(run: Run) -> None:
    for options, found in SEARCHES:
        assert names(run, *options) == found.split(), options


def test_with_json_each_user_is_an_object_on_a_line_that_no_terminal_obeys(run: Run) -> None:
    lines = run("user", "list", "--json").stdout.splitlines()
    assert [json.loads(line)["username"] for line in lines] == ["alfred", "Alice", "bob", "robot", "zoe"]
    assert json.loads(lines[1]) == {
        "id": str(UUID(int=5)),
        "username": "Alice",
        "email": "Alice@example.com",
        "pendingEmail": None,
        "roles": ["admin"],
        "state": "enabled",
        "isServiceAccount": False,
        "hasPassword": False,
        "hasSecondFactor": False,
        "metadata": {},
        "externalId": None,
        "createdAt": "2026-11-06T12:00:00Z",
        "lastLoginAt": None,
    }
    assert json.loads(lines[2])["metadata"] == {"note": "\x1b[2J\x7f\u202e", "é": [1]}
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert [json.loads(line)["state"] for line in lines] == ["disabled", *["enabled"] * 4]


def test_users_are_shown_by_name_or_by_id_and_whoever_is_missing_is_reported(run: Run) -> None:
    result = run("user", "show", "ALICE", str(UUID(int=3)), "nobody")
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["Alice", "bob"]
    assert (result.exit_code, result.stderr) == (3, "There is no user nobody.\n")
    assert json.loads(run("user", "show", "zoe", "--json").stdout)["hasPassword"] is True


IMPOSSIBLE: tuple[tuple[tuple[str, ...], int], ...] = (
    (("--after", "nobody"), 3),
    (("--query", " "), 2),
    (("--query", "x" * 321), 2),
    (("--limit", "0"), 2),
    (("--state", "deleted"), 2),
    (("--sort", "email"), 2),
)


@on_sqlite
def test_a_list_that_cannot_be_made_prints_no_user(run: Run) -> None:
    for options, code in IMPOSSIBLE:
        result = run("user", "list", *options)
        assert (result.exit_code, result.stdout) == (code, ""), options
