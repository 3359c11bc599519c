"""Takes messages to a mail server by SMTP (RFC 5321), or in development to a folder."""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from socket import gaierror
from typing import Protocol
from urllib.parse import urlsplit

import aiosmtplib
import structlog

from jwtapi.mail.failures import PermanentFailure, ServerFailure, TransientFailure
from jwtapi.mail.messages import Message
from jwtapi.settings import Settings
from jwtapi.urls.mail import MailSecurity, MailServer, parse_mail_url

FOLDER = Path("mail")
"""In the folder of the server. Only development without MAIL_URL writes there."""

_ANSWER_SECONDS = 30
"""For each answer of the server, and for TCP and TLS together."""

_SIGN_IN_SECONDS = 60
"""For all that comes before the first message."""

_DATA_SECONDS = 600
"""For the answer to the whole message (RFC 5321 §4.5.3.2.6). The server looks for viruses meanwhile. A client that gave
up earlier would send the mail again, although the server accepts it."""

_FAREWELL_SECONDS = 2

_LONGEST_QUOTE = 120
"""Characters of an answer of the server that a reason quotes."""

_NOT_QUOTED = re.compile(r"\S*(?:@|://)\S*|\S{33,}")
"""Addresses, links and whatever may be a token, in the answer of a server."""

log = structlog.get_logger()


class Connection(Protocol):
    async def send(self, message: Message) -> None:
        """Return when the server has accepted the message.

        Raises:
            PermanentFailure: no later attempt would succeed.
            TransientFailure: a later attempt may succeed. A server that did not answer may have accepted the message.
        """


class Transport(Protocol):
    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Connect and sign in. No message has left this process before `send`.

        Raises:
            ServerFailure: the mail server cannot be used.
        """


def transport_of(settings: Settings) -> Transport:
    """Return the transport to the server of MAIL_URL, or the one of development."""
    if settings.mail_url is None:
        return FolderTransport(FOLDER)
    host = urlsplit(settings.base_url).hostname or ""
    return SmtpTransport(parse_mail_url(settings.mail_url.get_secret_value()), client_name=host)


class SmtpTransport:
    """Uses TLS, by which it checks the server's certificate, for all but servers on the loopback interface."""

    def __init__(self, server: MailServer, *, client_name: str) -> None:
        """`client_name` is the host name or the IP address of this server, for EHLO."""
        self._server = server
        self._client_name = _address_literal(client_name)
        self._tls: ssl.SSLContext | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        server = self._server
        if self._tls is None and server.security is not MailSecurity.NONE:
            self._tls = await asyncio.to_thread(ssl.create_default_context)  # it reads all certificates of authorities
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            local_hostname=self._client_name,
            timeout=_ANSWER_SECONDS,
            # Never None, the default: the library would then send the password in clear if there is no STARTTLS.
            use_tls=server.security is MailSecurity.TLS,
            start_tls=server.security is MailSecurity.STARTTLS,
            tls_context=self._tls,
        )
        try:
            with _described():
                async with asyncio.timeout(_SIGN_IN_SECONDS):
                    await client.connect()
                    if client.is_ehlo_or_helo_needed:
                        await client.ehlo()
            yield _SmtpConnection(client)
        finally:
            if client.is_connected:
                with suppress(aiosmtplib.SMTPException, OSError):
                    await client.quit(timeout=_FAREWELL_SECONDS)
            client.close()


class _SmtpConnection:
    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    async def send(self, message: Message) -> None:
        if message.needs_utf8 and not self._client.supports_extension("smtputf8"):
            raise PermanentFailure("the mail server does not deliver to addresses with letters beyond ASCII (SMTPUTF8)")
        encoding, options = ("utf-8", ["SMTPUTF8"]) if message.needs_utf8 else ("ascii", [])
        try:
            with _described():
                await self._client.mail(message.sender, options=options, encoding=encoding)
                await self._client.rcpt(message.recipient, encoding=encoding)
                await self._client.data(message.data, timeout=_DATA_SECONDS)
        except ValueError:  # the library refuses characters that SMTP does not have
            raise PermanentFailure("the address of the recipient is malformed") from None


class FolderTransport:
    """Writes each message to a file, and logs its first link. This is the only place that logs links."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        yield self

    async def send(self, message: Message) -> None:
        file = self._folder / f"{message.id}.eml"
        try:
            await asyncio.to_thread(self._write, file, message.data)
        except OSError as error:
            raise ServerFailure(f"cannot write to {self._folder}: {error.strerror}") from None
        log.info("there is no MAIL_URL, so the mail is a file", file=str(file), link=next(iter(message.links), None))

    def _write(self, file: Path, data: bytes) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
            opened.write(data)


@contextmanager
def _described() -> Iterator[None]:
    """Turn the errors of the library into failures with a reason that an operator understands."""
    try:
        yield
    except (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError) as error:
        reason = f"the mail server refuses the mail: {_quoted(error.code, error.message)}"
        # 55z is about the mailbox or the message. Other codes are about this server: 530 asks for a password.
        raise (PermanentFailure if error.code // 10 == 55 else TransientFailure)(reason) from None  # noqa: PLR2004
    except aiosmtplib.SMTPAuthenticationError as error:  # its answer may repeat the password
        raise ServerFailure(f"the mail server refuses the user or the password of MAIL_URL ({error.code})") from None
    except aiosmtplib.SMTPResponseException as error:
        what = "MAIL_FROM" if isinstance(error, aiosmtplib.SMTPSenderRefused) else "to talk"
        raise ServerFailure(f"the mail server refuses {what}: {_quoted(error.code, error.message)}") from None
    except (TimeoutError, OSError, aiosmtplib.SMTPException) as error:
        raise ServerFailure(_reason_of(error)) from None


def _reason_of(error: BaseException) -> str:
    match error.__cause__ or error:
        case TimeoutError():
            reason = "the mail server does not answer in time"
        case gaierror():
            reason = "the host name of the mail server does not resolve"
        case ssl.SSLCertVerificationError(verify_message=message):
            reason = f"the certificate of the mail server is not trusted: {message}"
        case ssl.SSLError(reason=cause):
            reason = f"TLS with the mail server failed: {cause}"
        case aiosmtplib.SMTPServerDisconnected():
            reason = "the mail server closed the connection"
        case OSError(errno=number):
            reason = "the mail server cannot be reached" + (f": {os.strerror(number)}" if number is not None else "")
        case other:  # a missing extension, in words of the library
            reason = str(other).rstrip(".")
    return reason


def _quoted(code: int, answer: str) -> str:
    """Return an answer of the server without what it may repeat: addresses, links, tokens."""
    printable = "".join(letter if letter.isprintable() else " " for letter in answer)
    return f"{code} {' '.join(_NOT_QUOTED.sub('…', printable).split())}"[:_LONGEST_QUOTE]


def _address_literal(host: str) -> str:
    """Return a host as EHLO names it (RFC 5321 §4.1.3)."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"  # noqa: PLR2004  the version
