"""What leaves this machine, and over which connections."""

import ssl
from pathlib import Path
from uuid import UUID

import pytest
import structlog

from jwtapi.mail.failures import PermanentFailure, ServerFailure
from jwtapi.mail.messages import Message, make_message
from jwtapi.mail.rendering import Content
from jwtapi.mail.service import MailService
from jwtapi.mail.transport import SmtpTransport
from jwtapi.urls.mail import MailSecurity, MailServer
from tests.conftest import RunApi, on_sqlite
from tests.mail.outbox import add_mail
from tests.mail.test_delivery import until
from tests.support.certificates import Certificate
from tests.support.clock import FakeClock
from tests.support.smtp import running_mailbox

PASSWORD = "of the mail server"


@pytest.fixture
def tls(certificate: Certificate) -> ssl.SSLContext:
    return certificate.for_server()


def message() -> Message:
    return make_message(
        Content("Hello", "Hello\n", "<p>Hello"),
        mail_id=UUID(int=1),
        kind="test",
        sender="no-reply@example.com",
        recipient="alice@example.com",
        language="en",
        at=FakeClock()(),
    )


def transport(port: int, security: MailSecurity, password: str | None = PASSWORD) -> SmtpTransport:
    user = "jwtapi" if password is not None else None
    return SmtpTransport(MailServer("127.0.0.1", port, security, user, password), client_name="auth.example.com")


async def failure_of(sender: SmtpTransport) -> str:
    with pytest.raises(ServerFailure) as failure:
        async with sender.connection():
            pass
    return failure.value.reason


async def test_a_server_without_starttls_gets_neither_the_password_nor_the_mail() -> None:
    with running_mailbox() as mailbox:
        reason = await failure_of(transport(mailbox.port, MailSecurity.STARTTLS))
    assert "STARTTLS" in reason
    assert "AUTH" not in mailbox.commands
    assert mailbox.received == []


@pytest.mark.parametrize("security", (MailSecurity.STARTTLS, MailSecurity.TLS))
async def test_a_server_whose_certificate_is_not_trusted_gets_neither_the_password_nor_the_mail(
    security: MailSecurity, tls: ssl.SSLContext
) -> None:
    with running_mailbox(tls=tls, tls_at_once=security is MailSecurity.TLS, password=PASSWORD) as mailbox:
        reason = await failure_of(transport(mailbox.port, security))
    assert reason == "the certificate of the mail server is not trusted: self-signed certificate"
    assert "AUTH" not in mailbox.commands
    assert mailbox.received == []


@pytest.mark.parametrize("security", (MailSecurity.STARTTLS, MailSecurity.TLS))
async def test_a_trusted_server_gets_the_password_and_the_mail_by_tls(
    security: MailSecurity, tls: ssl.SSLContext, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    with running_mailbox(tls=tls, tls_at_once=security is MailSecurity.TLS, password=PASSWORD) as mailbox:
        async with transport(mailbox.port, security).connection() as connection:
            await connection.send(message())
        wrong = await failure_of(transport(mailbox.port, security, "another password"))
    assert [mail.recipient for mail in mailbox.received] == ["alice@example.com"]
    assert wrong == "the mail server refuses the user or the password of MAIL_URL (535)"


async def test_a_server_that_speaks_no_tls_is_told_from_one_that_is_down() -> None:
    with running_mailbox() as mailbox:
        assert (await failure_of(transport(mailbox.port, MailSecurity.TLS))).startswith(
            "TLS with the mail server failed"
        )
    assert await failure_of(transport(mailbox.port, MailSecurity.TLS)) == (
        "the mail server cannot be reached: Connection refused"
    )
    nowhere = SmtpTransport(MailServer("no.invalid", 25, MailSecurity.TLS, None, None), client_name="127.0.0.1")
    assert await failure_of(nowhere) == "the host name of the mail server does not resolve"


@pytest.mark.parametrize(
    "subject", ("Hello\r\nBcc: eve@example.com", "Hello\nBcc: eve", "Hello\u2028", "a\x00b", "\ud800")
)
def test_a_subject_with_a_line_break_makes_no_message(subject: str) -> None:
    with pytest.raises(PermanentFailure) as failure:
        make_message(
            Content(subject, "text", "html"),
            mail_id=UUID(int=1),
            kind="test",
            sender="Example <no-reply@example.com>",
            recipient="alice@example.com",
            language="en",
            at=FakeClock()(),
        )
    assert failure.value.reason.startswith("the mail of kind test is malformed")


@on_sqlite
async def test_in_development_a_mail_is_a_file_and_the_log_has_its_link(
    run_api: RunApi, mails_of_development: Path
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with run_api() as api:
            mail_id = await add_mail(api)

            async def is_written() -> bool:
                return not await api.sql("SELECT id FROM mails")

            await until(is_written)
    file = mails_of_development / f"{mail_id}.eml"
    assert file.read_bytes().count(b"Subject: Test mail of localhost:4000") == 1
    assert file.stat().st_mode & 0o777 == 0o600
    (line,) = [line for line in logs if line.get("file") == str(file)]
    assert line["link"] == "http://localhost:4000/account"


@on_sqlite
async def test_in_development_a_folder_that_cannot_be_written_to_keeps_the_mail_in_the_outbox(
    run_api: RunApi, mails_of_development: Path
) -> None:
    mails_of_development.write_text("a file")
    async with run_api() as api:
        await api.services[MailService].test("alice@example.com")

        async def has_failed() -> bool:
            return await api.sql("SELECT id FROM mails WHERE last_error LIKE 'cannot write to %'") != []

        await until(has_failed)
