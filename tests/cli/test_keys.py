"""`jwtapi keys`, and what the doctor reports of signing keys."""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jwtapi.composition import make_services, settings_class
from jwtapi.security.key_pairs import key_pairs_of_pem
from jwtapi.settings import load_settings
from jwtapi.signing.service import SigningKeys
from tests.cli.conftest import Run

KID = "[A-Za-z0-9_-]{43}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def pem_of(private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def new_pem() -> str:
    return pem_of(ec.generate_private_key(ec.SECP256R1()))


def start_a_server() -> None:
    """Do what a server does with its keys at its start."""

    async def start() -> None:
        services = make_services(load_settings(kind=settings_class()))
        try:
            await services[SigningKeys].tick()
        finally:
            await services.close()

    asyncio.run(start())


@pytest.fixture
def file(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with one key of ES256."""
    monkeypatch.setenv("SIGNING_ALGORITHM", "ES256")
    assert run("user", "create", "alice", stdin="correct horse battery staple").exit_code == 0
    run("keys", "list")  # makes the secrets
    start_a_server()
    return folder / "jwtapi.db"


def listed(run: Run) -> list[list[str]]:
    return [line.split("\t") for line in run("keys", "list").stdout.splitlines()]


def states(run: Run) -> dict[str, str]:
    return {row[0]: row[2] for row in listed(run)}


@pytest.mark.usefixtures("file")
def test_the_list_shows_keys_with_their_times_and_without_private_parts(run: Run) -> None:
    assert re.fullmatch(f"{KID}\tES256\tactive\t{TIME}\t{TIME}\t-\n", run("keys", "list").stdout)
    run("keys", "rotate")
    second, first = listed(run)
    assert (second[2], first[2]) == ("pending", "active")
    assert second[4] < first[5]


@pytest.mark.usefixtures("file")
def test_a_rotation_publishes_the_next_key_and_with_now_it_signs_immediately(run: Run) -> None:
    result = run("keys", "rotate")
    kid = result.stdout.split()[0]
    assert states(run)[kid] == "pending"
    refused = run("keys", "rotate")
    assert (refused.exit_code, kid in refused.stderr, "--now" in refused.stderr) == (1, True, True)
    result = run("keys", "rotate", "--now")
    assert result.stdout == f"{kid} signs now.\n"
    assert "refuse new access tokens until" in result.stderr
    assert states(run)[kid] == "active"


@pytest.mark.usefixtures("file")
def test_an_id_that_begins_with_a_hyphen_is_no_option(run: Run) -> None:
    text = next(text for text in iter(new_pem, None) if key_pairs_of_pem(text)[0].kid.startswith("-"))
    run("keys", "import", "-", stdin=text)
    kid = listed(run)[0][0]
    assert run("keys", "revoke", kid, "--yes").stdout.startswith(f"Revoked {kid}.")
    assert run("keys", "revoke", kid, "--now").exit_code == 2


@pytest.mark.usefixtures("file")
def test_a_revocation_asks_first_and_names_the_key_that_signs_now(run: Run) -> None:
    ((kid, *_),) = listed(run)
    assert run("keys", "revoke", kid, stdin="n\n").exit_code == 1
    assert states(run) == {kid: "active"}
    result = run("keys", "revoke", "--yes", kid)
    successor = re.fullmatch(f"Revoked {kid}\\.\nThe next key is ({KID})\\..*\n", result.stdout)
    assert successor is not None
    assert states(run) == {successor[1]: "active", kid: "revoked"}
    again = run("keys", "revoke", "--yes", "--", kid)
    assert (again.exit_code, again.stderr) == (
        3,
        f"There is no key {kid} that verifies tokens: see `jwtapi keys list`.\n",
    )


@pytest.mark.parametrize("source", ("-", "key.pem"))
def test_an_imported_key_is_pending_and_encrypted(run: Run, file: Path, folder: Path, source: str) -> None:
    pem = new_pem()
    (folder / "key.pem").write_text(pem)
    result = run("keys", "import", source, stdin=pem if source == "-" else None)
    kid = result.stdout.split()[1].rstrip(".")
    assert states(run)[kid] == "pending"
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT encrypted_private FROM signing_keys WHERE kid = ?"
        ((encrypted,),) = connection.execute(query, (kid,)).fetchall()
    assert b"PRIVATE" not in encrypted


@pytest.mark.usefixtures("file")
def test_files_that_cannot_be_imported_are_refused_with_the_reason_and_not_repeated(run: Run, folder: Path) -> None:
    (folder / "bytes").write_bytes(b"\xff\xfe")
    for words, stdin, reason in (
        (("bytes",), None, "it is not text"),
        (("-",), "hunter2", "must be private keys in PEM"),
        (("-",), pem_of(ed25519.Ed25519PrivateKey.generate()), "is a key for EdDSA, and SIGNING_ALGORITHM is ES256"),
        (("-",), new_pem() + new_pem(), "several private keys"),
    ):
        result = run("keys", "import", *words, stdin=stdin)
        assert result.exit_code == 1
        assert reason in result.stderr
        assert "hunter2" not in result.stderr
    missing = run("keys", "import", "missing.pem")
    assert (missing.exit_code, missing.stderr) == (3, "missing.pem does not exist.\n")


def test_with_hs256_there_is_nothing_to_rotate(run: Run) -> None:
    assert run("user", "create", "alice", stdin="correct horse battery staple").exit_code == 0
    assert run("keys", "list").stdout == ""
    for words in (("rotate",), ("import", "-"), ("revoke", "HS256", "--yes")):
        result = run("keys", *words, stdin=new_pem())
        assert result.exit_code == 1
        assert "SIGNING_ALGORITHM is HS256" in result.stderr


@pytest.mark.usefixtures("file")
def test_with_signing_key_the_commands_state_where_keys_come_from(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_KEY", new_pem().replace("\n", "\\n"))
    for words in (("rotate",), ("import", "-")):
        result = run("keys", *words, stdin=new_pem())
        assert (result.exit_code, "append the next one" in result.stderr) == (1, True)


def test_the_list_says_why_it_is_empty(run: Run) -> None:
    run("migrate")
    result = run("keys", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "JWT_SECRET signs" in result.stderr


def test_before_the_first_start_there_is_no_key_to_rotate(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("migrate")
    monkeypatch.setenv("SIGNING_ALGORITHM", "ES256")
    result = run("keys", "rotate")
    assert (result.exit_code, "the first start of a server makes it" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("variables", "line"),
    (
        ({"SIGNING_ALGORITHM": "ES256", "SIGNING_KEY_PREPUBLISH": "899"}, "✗ SIGNING_KEY_PREPUBLISH is below 900"),
        ({"SIGNING_ALGORITHM": "ES256", "SIGNING_KEY": "hunter2"}, "✗ SIGNING_KEY: must be private keys in PEM"),
        ({"SIGNING_KEY": "hunter2"}, "✗ SIGNING_KEY: needs SIGNING_ALGORITHM"),
        ({"ENVIRONMENT": "production", "SIGNING_ALGORITHM": "HS256"}, "• SIGNING_ALGORITHM is HS256"),
        ({"ENVIRONMENT": "production"}, "• PUBLIC_URL is missing: the issuer"),
    ),
)
def test_the_doctor_reports_settings_of_signing_keys(
    run: Run, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], line: str
) -> None:
    run("migrate")
    run("keys", "list")  # makes the secrets
    for name, value in ({"BCRYPT_ROUNDS": "10"} | variables).items():
        monkeypatch.setenv(name, value)
    result = run("doctor")
    assert any(each.startswith(line) for each in result.stdout.splitlines()), result.stdout
    assert result.exit_code == (1 if line.startswith("✗") else 0)
    assert "hunter2" not in result.stdout + result.stderr


@pytest.mark.usefixtures("file")
def test_the_doctor_reports_keys_that_cannot_be_decrypted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    ((kid, *_),) = listed(run)
    assert run("doctor").exit_code == 0
    monkeypatch.setenv("REFRESH_SECRET", "b6027e9d53f8a14cc9d0e87b2f61a3549e7d40c8b1f3256a")
    result = run("doctor")
    assert result.exit_code == 1
    assert f"✗ REFRESH_SECRET does not decrypt the signing keys {kid}: " in result.stdout


def test_an_unusable_signing_key_prevents_the_start(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_ALGORITHM", "ES256")
    monkeypatch.setenv("SIGNING_KEY", "hunter2")
    result = run("serve")
    assert result.exit_code == 1
    assert "SIGNING_KEY: must be private keys in PEM" in result.stderr
    assert "hunter2" not in result.stderr
