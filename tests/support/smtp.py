"""A mail server in this process, and the mails that it got."""

import asyncio
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.api import Api
from tests.support.server import free_port

SECONDS = 30
"""How long a test waits for a mail."""


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    sender: str
    recipient: str
    data: bytes = field(repr=False)

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.data, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    @property
    def links(self) -> list[str]:
        return re.findall(r"https?://\S+", self.text)

    @property
    def values(self) -> dict[str, str]:
        """The values in the fragment of the only link that has any, such as `token`."""
        (values,) = (found for link in self.links if (found := dict(parse_qsl(urlsplit(link).fragment))))
        return values

    @property
    def token(self) -> str:
        return self.values["token"]

    def _body(self, subtype: str) -> str:
        part = self.message.get_body((subtype,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


class Mailbox:
    """A mail server, and the mails for all addresses. It keeps its port when it is stopped and started.

    An API uses it with `run_api(**mailbox.settings)`.
    """

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, tls_at_once: bool = False, password: str | None = None
    ) -> None:
        """With `tls` it offers STARTTLS, or begins with TLS. With `password` it accepts mails of `jwtapi` only."""
        self.port = free_port()
        self._tls = tls
        self._tls_at_once = tls_at_once
        self._password = password
        self._arrival = threading.Condition()
        self._unread: list[ReceivedMail] = []
        self.received: list[ReceivedMail] = []
        """All mails that were accepted, read or not."""
        self.commands: list[str] = []
        """What clients have sent, without the messages."""
        self._refusals: dict[str, str] = {}
        self._held: dict[str, asyncio.Event] = {}
        self._holding = threading.Condition()
        self._waiting: list[str] = []
        self.is_silent = False
        """Whether it accepts connections, but sends nothing."""
        self.speaks_utf8 = True
        self.answers_data_with: str | None = None
        """The answer to each message, in place of 250."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._transports: set[asyncio.Transport] = set()

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "mail_url": f"smtp://127.0.0.1:{self.port}",
            "mail_from": "Example <no-reply@example.com>",
            "public_url": "https://auth.example.com",
        }

    # What tests ask

    async def next(self, recipient: str) -> ReceivedMail:
        """Wait for the oldest mail to this address that was not read yet."""
        return await asyncio.to_thread(self.wait_for, recipient)

    def wait_for(self, recipient: str) -> ReceivedMail:
        """As `next`, for tests that are not asynchronous."""

        def found() -> ReceivedMail | None:
            return next((mail for mail in self._unread if mail.recipient == recipient), None)

        with self._arrival:
            mail = self._arrival.wait_for(found, SECONDS)
            if mail is None:
                others = [mail.recipient for mail in self._unread]
                raise AssertionError(f"no mail to {recipient} within {SECONDS} s, but to {others}")
            self._unread.remove(mail)
            return mail

    async def unread(self, api: Api) -> list[ReceivedMail]:
        """Wait until the outbox of the API has no mail that waits, and return the mails that were not read yet."""
        async with asyncio.timeout(SECONDS):
            while await api.sql("SELECT id FROM mails WHERE failed_at IS NULL"):
                await asyncio.sleep(0.01)
        with self._arrival:
            return list(self._unread)

    # How it behaves

    def refuse(self, recipient: str, answer: str = "550 5.1.1 No such mailbox") -> None:
        self._refusals[recipient] = answer

    def accept(self, recipient: str) -> None:
        """End the refusal."""
        del self._refusals[recipient]

    @contextmanager
    def holding(self, recipient: str) -> Iterator[Callable[[], None]]:
        """Inside the block, do not answer to messages to this address. The value waits until there is one."""
        self._held[recipient] = asyncio.Event()

        def wait() -> None:
            with self._holding:
                assert self._holding.wait_for(lambda: recipient in self._waiting, SECONDS)

        try:
            yield wait
        finally:
            event = self._held.pop(recipient)
            if self._loop is not None:
                self._loop.call_soon_threadsafe(event.set)

    def start(self) -> None:
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="mail server")
        self._thread.start()
        ready.result(SECONDS)

    def stop(self) -> None:
        """Close all connections, and stop listening."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._thread = self._loop = None

    async def _serve(self, ready: "Future[None]") -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        tls = self._tls if self._tls_at_once else None
        server = await self._loop.create_server(self._protocol, "127.0.0.1", self.port, ssl=tls)
        ready.set_result(None)
        await self._stopping.wait()
        server.close()
        for transport in self._transports:
            transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _protocol(self) -> asyncio.Protocol:
        if self.is_silent:
            return _Silent(self._transports)
        is_secret = self._password is not None
        return _Smtp(
            self,
            self._transports,
            hostname="mail.example",
            enable_SMTPUTF8=self.speaks_utf8,
            tls_context=self._tls if not self._tls_at_once else None,
            require_starttls=self._tls is not None and not self._tls_at_once,
            auth_require_tls=self._tls is not None and not self._tls_at_once,
            authenticator=self._authenticate,
            auth_exclude_mechanism=None if is_secret else ["LOGIN", "PLAIN"],
        )

    # The hooks of aiosmtpd

    def _authenticate(self, _: SMTP, __: Session, ___: Envelope, ____: str, given: LoginPassword) -> AuthResult:
        is_right = (given.login, given.password) == (b"jwtapi", str(self._password).encode())
        return AuthResult(success=is_right, handled=False)

    async def handle_RCPT(  # noqa: N802  as aiosmtpd calls it
        self, _: SMTP, session: Session, envelope: Envelope, address: str, __: list[str]
    ) -> str:
        if self._password is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if (refusal := self._refusals.get(address)) is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802  as above
        (recipient,) = envelope.rcpt_tos
        if (event := self._held.get(recipient)) is not None:
            with self._holding:
                self._waiting.append(recipient)
                self._holding.notify_all()
            await event.wait()
        if self.answers_data_with is not None:
            return self.answers_data_with
        assert isinstance(envelope.content, bytes)
        mail = ReceivedMail(str(envelope.mail_from), recipient, envelope.content)
        with self._arrival:
            self.received.append(mail)
            self._unread.append(mail)
            self._arrival.notify_all()
        return "250 OK"


class _Smtp(SMTP):
    def __init__(self, mailbox: Mailbox, transports: set[asyncio.Transport], **options: Any) -> None:
        super().__init__(mailbox, **options)
        self._transports = transports
        self._commands = mailbox.commands

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transports.add(transport)
        super().connection_made(transport)

    async def _call_handler_hook(self, command: str, *args: Any) -> Any:
        self._commands.append(command)
        return await super()._call_handler_hook(command, *args)


class _Silent(asyncio.Protocol):
    def __init__(self, transports: set[asyncio.Transport]) -> None:
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transports.add(transport)


@contextmanager
def running_mailbox(**options: Any) -> Iterator[Mailbox]:
    mailbox = Mailbox(**options)
    mailbox.start()
    try:
        yield mailbox
    finally:
        mailbox.stop()
