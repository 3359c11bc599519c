import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from jwtapi.storage.database import Database
from jwtapi.storage.mails import QueuedMail
from jwtapi.storage.unit_of_work import UnitOfWork
from tests.cli.conftest import Run
from tests.support.api import PASSWORD
from tests.support.smtp import Mailbox

NOW = datetime.now(UTC)


@pytest.fixture
def database(run: Run, folder: Path) -> Path:
    """A database, which the command makes."""
    assert run("user", "create", "alice", stdin=PASSWORD).exit_code == 0
    return folder / "jwtapi.db"


def _add(mail: QueuedMail, uow: UnitOfWork) -> None:
    uow.mails.add(mail)


def store(file: Path, *mails: QueuedMail) -> None:
    async def add() -> None:
        database = Database(f"sqlite+aiosqlite:///{file}")
        for mail in mails:
            await database.write(partial(_add, mail))
        await database.close()

    asyncio.run(add())


def mail_of(recipient: str | None, **changes: object) -> QueuedMail:
    row: dict[str, Any] = {
        "user_id": None,
        "details": {},
        "language": "en",
        "created_at": NOW,
        "due_at": NOW + timedelta(hours=1),
    }
    return QueuedMail(id=uuid4(), kind="test", recipient=recipient, **(row | changes))


def test_the_command_line_lists_mails_without_their_whole_addresses(run: Run, database: Path) -> None:
    waits = mail_of("alice@example.com", attempts=2, last_error="the mail server does not answer in time")
    given_up = mail_of("bob@example.com", attempts=1, last_error="550", failed_at=NOW)
    is_sent, new = mail_of(None, attempts=1), mail_of("ä@example.com")
    store(database, waits, given_up, is_sent, new)
    result = run("mail", "list")
    due = f"{NOW + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    expected = {
        (str(waits.id), "test", "a…@example.com", "waiting", "2", due, "the mail server does not answer in time"),
        (str(given_up.id), "test", "b…@example.com", "given up", "1", "-", "550"),
        (str(is_sent.id), "test", "-", "sending", "1", due, "-"),
        (str(new.id), "test", "ä…@example.com", "waiting", "0", due, "-"),
    }
    assert {tuple(line.split("\t")) for line in result.stdout.splitlines()} == expected


def test_the_command_line_lets_mails_be_sent_again(run: Run, database: Path) -> None:
    given_up = [mail_of("bob@example.com", attempts=32, last_error="550", failed_at=NOW) for _ in range(3)]
    store(database, *given_up, mail_of("alice@example.com", attempts=1))
    first = given_up[0].id
    assert run("mail", "retry", str(first)).stdout == "Mails that are sent again: 1.\n"
    assert state_of(database, first) == (0, None)
    assert run("mail", "retry", "--all").stdout == "Mails that are sent again: 3.\n"
    for words in ((), (str(first), "--all")):
        result = run("mail", "retry", *words)
        assert (result.exit_code, result.stderr) == (2, "Name the ids of mails, or --all.\n")


def state_of(file: Path, mail_id: UUID) -> tuple[int, str | None]:
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT attempts, failed_at FROM mails WHERE id = ?"
        row: tuple[int, str | None] = connection.execute(query, (mail_id.hex,)).fetchone()
    return row


@pytest.mark.usefixtures("database")
def test_the_command_line_stores_a_mail_as_a_trial(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("mail", "test", "alice@example.com").exit_code == 0
    assert "\ttest\ta…@example.com\twaiting\t0\t" in run("mail", "list").stdout
    assert run("mail", "test", "no address").stderr == "This is not a valid e-mail address\n"
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("BCRYPT_ROUNDS", "10")
    assert run("mail", "test", "alice@example.com").stderr == "This server cannot send mail\n"


@pytest.mark.usefixtures("database")
def test_doctor_reports_a_mail_server_that_cannot_be_used_and_templates_that_fail(
    run: Run, folder: Path, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_URL", mailbox.settings["mail_url"])
    monkeypatch.setenv("MAIL_FROM", "no-reply@example.com")
    assert not [line for line in run("doctor").stdout.splitlines() if "MAIL" in line]
    mailbox.stop()
    monkeypatch.setenv("MAIL_TEMPLATES", "templates")
    (folder / "templates/en").mkdir(parents=True)
    (folder / "templates/en/test.txt").write_text("Subject: {{ nothing }}\n\nText\n")
    of_templates, of_server = (line for line in run("doctor").stdout.splitlines() if "MAIL" in line)
    assert of_templates == (
        "✗ MAIL_TEMPLATES: templates/en/test.txt: this mail has no nothing, but language, link, site"
    )
    assert of_server == (
        "✗ MAIL_URL: the mail server cannot be reached: Connection refused: "
        "is MAIL_URL right, does the server run, and may this machine connect to it?"
    )
