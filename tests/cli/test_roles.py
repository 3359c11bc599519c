"""`jwtapi user create --admin`, `jwtapi user metadata`, and the last administrator."""

import pytest

from tests.cli.conftest import Run
from tests.support.api import PASSWORD


@pytest.fixture
def alice(run: Run) -> None:
    assert run("user", "create", "alice", "--admin", stdin=f"{PASSWORD}\n").exit_code == 0


@pytest.mark.usefixtures("alice")
def test_the_option_admin_is_the_role_admin_beside_other_roles(run: Run) -> None:
    run("user", "create", "bob", "--role", "staff", "--admin", "--role", "admin", stdin=f"{PASSWORD}\n")
    assert [line.split("\t")[3] for line in run("user", "list").stdout.splitlines()] == ["admin", "staff,admin"]


@pytest.mark.usefixtures("alice")
def test_the_metadata_of_a_user_are_printed_and_replaced(run: Run) -> None:
    assert run("user", "metadata", "alice").stdout == "{}\n"
    printed = '{"tenant":"k\\u00e4se","limits":[1,null]}\n'
    assert run("user", "metadata", "alice", "--set", '{"tenant": "käse", "limits": [1, null]}').stdout == printed
    assert run("user", "metadata", "ALICE").stdout == printed
    assert run("user", "metadata", "alice", "--set", "{}").stdout == "{}\n"


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize(
    ("words", "complaint"),
    (
        (("metadata", "alice", "--set", "{"), "--set: must be JSON: "),
        (("metadata", "alice", "--set", '{"a": NaN}'), "--set: must be JSON: NaN and Infinity are not JSON"),
        (("metadata", "alice", "--set", '{"a": "\\ud800"}'), "--set: must be JSON: a string has half of a surrogate"),
        (("metadata", "alice", "--set", '{"a": "\udcff"}'), "--set: must be JSON: not UTF-8"),
        (("metadata", "alice", "--set", '["a"]'), "Metadata must be a JSON object"),
        (
            ("metadata", "alice", "--set", '{"tenant": "%s"}' % ("x" * 1100)),
            "The members of metadata that access tokens",
        ),
        (("metadata", "nobody"), "There is no user nobody."),
        (("metadata", "nobody", "--set", "{}"), "There is no user nobody."),
        (("roles", "alice", "--remove", "admin"), "This is the last administrator. Give somebody else the role admin"),
        (("disable", "alice"), "This is the last administrator."),
        (("delete", "alice", "--yes"), "This is the last administrator."),
    ),
)
def test_a_refused_command_prints_one_line_and_changes_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], complaint: str
) -> None:
    monkeypatch.setenv("TOKEN_CLAIMS", "tenant")
    result = run("user", *words)
    assert (result.exit_code, result.stdout) == (3 if "nobody" in words else 1, "")
    assert result.stderr.startswith(complaint)
    assert result.stderr.count("\n") == 1
    assert run("user", "metadata", "alice").stdout == "{}\n"
    assert run("user", "list").stdout.split("\t")[3:] == ["admin", "enabled\n"]
