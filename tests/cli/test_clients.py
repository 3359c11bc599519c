import re

import pytest

from tests.cli.conftest import Run


def test_the_command_line_prints_only_the_id_and_the_secret_of_a_new_client_on_standard_output(run: Run) -> None:
    result = run("client", "create", "billing")
    assert result.exit_code == 0
    assert re.fullmatch(r"CLIENT_ID=[0-9a-f-]{36}\nCLIENT_SECRET=jwtapi_[\w-]{43}\n", result.stdout)
    assert result.stderr == "Created billing. The secret is shown only now.\n"


def test_the_command_line_lists_clients_with_their_scopes_and_never_a_secret(run: Run) -> None:
    created = {
        name: dict(line.split("=") for line in run("client", "create", name, *options).stdout.splitlines())
        for name, options in (
            ("shop", ("--no-scope",)),
            ("billing", ()),
            ("api", ("--scope", "revoke", "--scope", "introspect")),
        )
    }
    listed = run("client", "list").stdout
    rows = [line.split("\t") for line in listed.splitlines()]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("api", created["api"]["CLIENT_ID"], "introspect,revoke"),
        ("billing", created["billing"]["CLIENT_ID"], "introspect"),
        ("shop", created["shop"]["CLIENT_ID"], "-"),
    ]
    assert not any(each["CLIENT_SECRET"] in listed for each in created.values())


def test_the_command_line_deletes_a_client_after_it_has_asked(run: Run) -> None:
    run("client", "create", "billing")
    assert run("client", "delete", "billing", stdin="n\n").exit_code == 1
    assert run("client", "list").stdout.startswith("billing\t")
    assert run("client", "delete", "billing", "--yes").stdout == "Deleted billing.\n"
    assert run("client", "list").stdout == ""
    again = run("client", "delete", "billing", "--yes")
    assert (again.exit_code, again.stderr) == (3, "There is no client billing.\n")


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    (
        (("two words",), 1, "The name must have 1 to 64 letters"),
        (("billing", "--scope", "all"), 2, "is not one of"),
        (("billing", "--scope", "revoke", "--no-scope"), 2, "contradict"),
        (("taken",), 4, "There is a client taken already."),
    ),
)
def test_the_command_line_refuses_a_client_with_the_reason(
    run: Run, options: tuple[str, ...], code: int, reason: str
) -> None:
    run("client", "create", "taken")
    result = run("client", "create", *options)
    assert result.exit_code == code
    assert result.stdout == ""
    assert reason in result.stderr
