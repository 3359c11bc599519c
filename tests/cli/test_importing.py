import csv
import json
import sqlite3
from pathlib import Path
from typing import TextIO

import pytest

from tests.cli.conftest import Run
from tests.importing.conftest import EXPORTS, HASH, lines
from tests.support.api import PASSWORD

USERS = lines(
    {"username": "alice", "email": "alice@example.com", "emailVerified": True, "passwordHash": HASH, "id": "1"},
    {"username": "bob", "id": "2"},
)


@pytest.fixture
def users(folder: Path) -> Path:
    file = folder / "users.jsonl"
    file.write_text(USERS)
    return file


def names(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "jwtapi.db") as database:
        found = [name for (name,) in database.execute("SELECT username FROM users ORDER BY username")]
    database.close()
    return found


@pytest.mark.usefixtures("users")
def test_user_import_prints_a_summary_and_a_second_run_finds_everybody(run: Run, folder: Path) -> None:
    first = run("user", "import", "users.jsonl", "--from", "jsonl")
    assert (first.exit_code, first.stdout) == (0, "")
    rows, counts, unverified = first.stderr.splitlines()[-3:]
    assert (rows, counts) == ("Importing: 2 rows", "imported: 2")
    assert unverified.startswith("With an address that is not verified: 1.")
    assert names(folder) == ["alice", "bob"]
    again = run("user", "import", "users.jsonl", "--from", "jsonl", "--trust-verified")
    assert (again.exit_code, again.stdout, again.stderr.splitlines()[-1]) == (0, "", "exists: 2")


def test_user_import_exits_with_1_and_prints_who_failed(run: Run, users: Path, folder: Path) -> None:
    users.write_text(USERS + lines({"username": "carol", "passwordHash": "hunter2"}))
    result = run("user", "import", "users.jsonl", "--from", "jsonl")
    assert (result.exit_code, result.stderr.splitlines()[-2]) == (1, "imported: 2, failed: 1")
    assert json.loads(result.stdout)["line"] == 3
    assert "hunter2" not in result.output
    assert names(folder) == ["alice", "bob"]


def test_who_only_got_a_name_made_from_the_address_needs_no_attention(run: Run, users: Path, folder: Path) -> None:
    users.write_text(lines({"email": "carol@example.com"}, {"username": "dave", "roles": ["admin"]}))
    result = run("user", "import", "users.jsonl", "--from", "jsonl")
    assert [json.loads(line)["username"] for line in result.stdout.splitlines()] == ["dave"]
    assert names(folder) == ["carol", "dave"]


@pytest.mark.usefixtures("users")
def test_a_dry_run_makes_no_secrets_and_stores_nobody(run: Run, folder: Path) -> None:
    assert run("user", "import", "users.jsonl", "--from", "jsonl", "--dry-run").exit_code == 1  # there is no database
    run("migrate")
    before = {path.name for path in folder.iterdir()}
    result = run("user", "import", "users.jsonl", "--from", "jsonl", "--dry-run")
    assert (result.exit_code, names(folder)) == (0, [])
    assert "valid: 2" in result.stderr
    assert {path.name for path in folder.iterdir() if "-wal" not in path.name and "-shm" not in path.name} == before


def test_a_dry_run_does_not_say_that_a_hash_is_wrapped_now(run: Run, users: Path) -> None:
    users.write_text(lines({"username": "carol", "passwordHash": "5f4dcc3b5aa765d61d8327deb882cf99", "scheme": "md5"}))
    run("migrate")
    rehearsed = run("user", "import", "users.jsonl", "--from", "jsonl", "--dry-run")
    assert rehearsed.stderr.splitlines()[-1] == "Fast hashes that the import puts below a slow one: 1."
    done = run("user", "import", "users.jsonl", "--from", "jsonl")
    assert done.stderr.splitlines()[-1] == "Fast hashes that are now below a slow one: 1."


@pytest.mark.parametrize("system", ("keycloak", "firebase"))
def test_a_file_that_is_no_json_is_not_a_file_without_users(run: Run, users: Path, system: str) -> None:
    users.write_text("Error: not signed in\n")
    run("migrate")
    result = run("user", "import", "users.jsonl", "--from", system, "--dry-run")
    assert (result.exit_code, result.stderr) == (1, "users.jsonl: This is no JSON document.\n")


@pytest.mark.usefixtures("users")
def test_a_report_has_a_line_for_each_user_and_only_its_owner_can_read_it(run: Run, folder: Path) -> None:
    run("user", "import", "users.jsonl", "--from", "jsonl", "--report", "report.jsonl")
    report = folder / "report.jsonl"
    first, second = (json.loads(line) for line in report.read_text().splitlines())
    assert first.items() >= {"line": 1, "outcome": "imported", "username": "alice", "externalId": "1"}.items()
    assert second["username"] == "bob"
    assert report.stat().st_mode & 0o777 == 0o600
    assert HASH not in report.read_text()


def test_no_cell_of_a_report_in_csv_is_a_formula(run: Run, users: Path, folder: Path) -> None:
    users.write_text(lines({"username": "=1+1", "id": "@SUM(1)"}, {"username": "+1", "id": '-1,"'}))
    result = run("user", "import", "users.jsonl", "--from", "jsonl", "--report", "report.csv")
    assert result.exit_code == 0
    with (folder / "report.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["username"], row["externalId"]) for row in rows] == [("'=1+1", "'@SUM(1)"), ("'+1", "'-1,\"")]


def test_the_name_of_somebody_who_failed_has_no_control_character(run: Run, users: Path, folder: Path) -> None:
    users.write_text(lines({"username": "a\x7f\x9b2J"}))
    for options in ((), ("--report", "report.csv")):
        result = run("user", "import", "users.jsonl", "--from", "jsonl", *options)
        assert result.exit_code == 1
        assert not {"\x7f", "\x9b"} & set(result.output)
    assert not {"\x7f", "\x9b"} & set((folder / "report.csv").read_text())


@pytest.mark.usefixtures("users")
def test_a_disk_without_room_for_an_export_or_a_report_is_an_error_of_the_file(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("user", "import", "users.jsonl", "--from", "jsonl")

    def create(path: Path) -> TextIO:
        path.touch()
        return Path("/dev/full").open("w")

    monkeypatch.setattr("jwtapi.cli.importing.create_private", create)
    for words in (("export", "export.jsonl"), ("import", "users.jsonl", "--from", "jsonl", "--report", "export.jsonl")):
        result = run("user", *words)
        assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "export.jsonl: No space left on device.")
        assert not (folder / "export.jsonl").exists()


@pytest.mark.usefixtures("users")
def test_a_report_and_an_export_never_take_the_place_of_a_file_and_follow_no_link(run: Run, folder: Path) -> None:
    precious = folder / "precious"
    precious.write_text("precious")
    (folder / "link").symlink_to(precious)
    (folder / "dangling").symlink_to(folder / "new")
    for path in ("precious", "link", "dangling"):
        result = run("user", "import", "users.jsonl", "--from", "jsonl", "--report", path)
        assert (result.exit_code, result.stderr) == (4, f"{path} exists. Name another file.\n")
        assert run("user", "export", path).exit_code == 4
    assert (precious.read_text(), (folder / "new").exists()) == ("precious", False)
    assert not (folder / "jwtapi.db").exists()
    assert run("user", "export", "none/of/these").exit_code == 1


@pytest.mark.usefixtures("folder")
def test_a_file_that_is_missing_or_unreadable_is_named(run: Run, folder: Path) -> None:
    result = run("user", "import", "none.jsonl", "--from", "jsonl")
    assert (result.exit_code, result.stderr) == (3, "none.jsonl does not exist.\n")
    (folder / "realm.json").write_text('{"realm": "x"}')
    broken = run("user", "import", "realm.json", "--from", "keycloak", "--report", "report.csv")
    assert not (folder / "report.csv").exists()  # so that the same command works as soon as the file is right
    assert (broken.exit_code, broken.stderr.splitlines()[-1]) == (
        1,
        'realm.json: The document has no member "users" with an array.',
    )
    assert run("user", "import", ".", "--from", "csv").exit_code == 1


def test_users_of_firebase_need_the_parameters_of_their_hashes_in_a_file(run: Run, folder: Path) -> None:
    words = ("user", "import", str(EXPORTS / "firebase.json"), "--from", "firebase", "--dry-run")
    run("migrate")
    assert "signer key" in run(*words).stdout
    assert run(*words, "--hash-config", "none").exit_code == 3
    (folder / "config").write_text("rounds: 8")
    wrong = run(*words, "--hash-config", "config")
    assert (wrong.exit_code, "have no base64_signer_key" in wrong.stderr) == (1, True)
    right = run(*words, "--hash-config", str(EXPORTS / "firebase-hash-config.txt"))
    assert "valid: 2, failed: 1" in right.stderr


@pytest.mark.usefixtures("users")
def test_user_export_writes_what_user_import_reads(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("user", "import", "users.jsonl", "--from", "jsonl", "--trust-verified")
    printed = run("user", "export")
    assert printed.exit_code == 0
    exported = {user["username"]: user for user in map(json.loads, printed.stdout.splitlines())}
    assert exported.keys() == {"alice", "bob"}
    assert "passwordHash" not in exported["alice"]
    assert run("user", "export", "all.jsonl", "--with-password-hashes", "--with-totp-secrets").exit_code == 0
    file = folder / "all.jsonl"
    assert file.stat().st_mode & 0o777 == 0o600
    assert HASH in file.read_text()
    monkeypatch.setenv("DATABASE_URL", "sqlite:///other.db")
    result = run("user", "import", "all.jsonl", "--from", "jsonl", "--trust-verified")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (0, "imported: 2")


@pytest.mark.usefixtures("users")
def test_a_bar_is_shown_at_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwtapi.cli.progress.is_terminal", lambda: True)
    result = run("user", "import", "users.jsonl", "--from", "jsonl", "--trust-verified")
    assert [line.strip() for line in result.stderr.splitlines() if line.strip()][-2:] == ["Importing", "imported: 2"]


@pytest.mark.usefixtures("users")
def test_the_doctor_tells_of_users_who_can_never_sign_in(run: Run) -> None:
    assert run("user", "create", "dave", stdin=f"{PASSWORD}\n").exit_code == 0
    assert "never sign in" not in run("doctor").stdout
    run("user", "import", "users.jsonl", "--from", "jsonl", "--trust-verified")
    assert (
        "users who can never sign in, without password, passkey and verified e-mail address: 1:" in run("doctor").stdout
    )
    run("user", "delete", "bob", "--yes")
    assert "never sign in" not in run("doctor").stdout
