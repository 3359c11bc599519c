import json
import re

import pytest

from tests.cli.conftest import Run

FORM = r"jwtapi_[0-9A-Za-z]{22}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}\n"
PASSWORD = "correct horse battery staple\n"


@pytest.fixture
def alice(run: Run) -> str:
    created = run("user", "create", "alice", "--role", "staff", "--role", "editor", stdin=PASSWORD)
    assert created.exit_code == 0, created.stderr
    return "alice"


def test_the_command_line_prints_only_the_new_key_on_standard_output(run: Run, alice: str) -> None:
    result = run("api-key", "create", alice, "--name", "backup")
    assert result.exit_code == 0
    assert re.fullmatch(FORM, result.stdout)
    assert re.fullmatch(r"Made the key [0-9a-f-]{36} of alice. It is shown only now.\n", result.stderr)


def test_the_command_line_lists_keys_and_never_a_key(run: Run, alice: str) -> None:
    run("user", "create", "bob", stdin=PASSWORD)
    keys = [
        run("api-key", "create", alice, "--name", "first").stdout,
        run("api-key", "create", alice, "--name", "second", "--role", "staff", "--expires-in-days", "30").stdout,
        run("api-key", "create", "bob", "--name", "third", "--no-role").stdout,
    ]
    everything = run("api-key", "list").stdout
    rows = [line.split("\t") for line in everything.splitlines()]
    assert [(row[1], row[2], row[3], row[5] != "-", row[6]) for row in rows] == [
        ("bob", "third", "none", False, "-"),
        ("alice", "second", "staff", True, "-"),
        ("alice", "first", "-", False, "-"),
    ]
    of_alice = [json.loads(line) for line in run("api-key", "list", "Alice", "--json").stdout.splitlines()]
    assert [(each["name"], each["roles"], each["username"]) for each in of_alice] == [
        ("first", None, "alice"),
        ("second", ["staff"], "alice"),
    ]
    assert of_alice[0].keys() == {
        "id",
        "userId",
        "username",
        "name",
        "roles",
        "createdAt",
        "expiresAt",
        "lastUsedAt",
    }
    assert not any(key[30:70] in everything for key in keys)


def test_the_command_line_revokes_a_key_once(run: Run, alice: str) -> None:
    run("api-key", "create", alice, "--name", "backup")
    key_id = run("api-key", "list").stdout.partition("\t")[0]
    assert run("api-key", "revoke", key_id).stdout == "Revoked backup.\n"
    assert run("api-key", "list").stdout == ""
    again = run("api-key", "revoke", key_id)
    assert (again.exit_code, again.stderr) == (3, f"There is no key {key_id}.\n")


@pytest.mark.parametrize(
    ("options", "reason"),
    (
        (("nobody", "--name", "x"), "There is no user nobody."),
        (("alice", "--name", ""), "The name must be 1 to 64 printable characters"),
        (("alice", "--name", "x", "--role", "admin"), "The user does not have every one of these roles"),
        (("alice", "--name", "x", "--role", "staff", "--no-role"), "contradict"),
        (("alice", "--name", "x", "--expires-in-days", "0"), "--expires-in-days"),
    ),
)
def test_the_command_line_refuses_a_key_with_the_reason(
    run: Run, alice: str, options: tuple[str, ...], reason: str
) -> None:
    result = run("api-key", "create", *options)
    assert alice == "alice"
    assert result.exit_code != 0
    assert result.stdout == ""
    assert reason in " ".join(
        result.stderr.replace("│", " ").split()
    )  # typer breaks lines at the width of the terminal


def test_the_command_line_takes_no_other_text_for_the_id_of_a_key(run: Run, alice: str) -> None:
    key = run("api-key", "create", alice, "--name", "backup").stdout.strip()
    result = run("api-key", "revoke", key)
    assert (result.exit_code, result.stderr) == (2, "This is no id of a key: see `jwtapi api-key list`.\n")
