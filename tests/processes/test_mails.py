"""The server is killed while it has mails to send, and starts again."""

import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.server import JWTAPI, START_SECONDS, Server, clean_environment
from tests.support.smtp import Mailbox

ADDRESSES = [f"user{number}@example.com" for number in range(3)]


def commit_mails(server: Server) -> None:
    """Store a mail for each address with the command line, on the database of the server."""
    for address in ADDRESSES:
        command = (JWTAPI, "mail", "test", address)
        subprocess.run(command, cwd=server.folder, env=clean_environment(), check=True, capture_output=True)


def rows(server: Server, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(server.folder / "jwtapi.db", timeout=10)) as database, database:
        return database.execute(query).fetchall()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("state", ("down", "silent"))
def test_mails_that_were_committed_before_a_kill_are_sent_once_after_the_restart(
    tmp_path: Path, mailbox: Mailbox, state: str
) -> None:
    mailbox.stop()
    if state == "silent":
        mailbox.is_silent = True
        mailbox.start()
    server = Server(tmp_path, MAIL_URL=mailbox.settings["mail_url"], MAIL_FROM="no-reply@example.com")
    server.start()
    commit_mails(server)
    wait_until(lambda: rows(server, "SELECT count(*) FROM mails WHERE attempts > 0") == [(len(ADDRESSES),)])
    server.kill()
    mailbox.stop()
    mailbox.is_silent = False
    mailbox.start()
    # The time passes after which the mails are due again: the pause of an attempt that failed, or its lease.
    rows(server, "UPDATE mails SET due_at = created_at")
    server.start()
    for address in ADDRESSES:
        mailbox.wait_for(address)
    wait_until(lambda: rows(server, "SELECT count(*) FROM mails") == [(0,)])
    server.stop()
    assert sorted(mail.recipient for mail in mailbox.received) == ADDRESSES
    assert "Traceback" not in server.log.read_text()


def test_the_workers_of_a_server_send_each_mail_once(tmp_path: Path, mailbox: Mailbox) -> None:
    server = Server(tmp_path, MAIL_URL=mailbox.settings["mail_url"], MAIL_FROM="no-reply@example.com", WORKERS="2")
    server.start()
    commit_mails(server)
    for address in ADDRESSES:
        mailbox.wait_for(address)
    wait_until(lambda: rows(server, "SELECT count(*) FROM mails") == [(0,)])
    server.stop()
    assert sorted(mail.recipient for mail in mailbox.received) == ADDRESSES
