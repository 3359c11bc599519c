"""Stores mails in the transaction of the change that they are about, for the worker that sends them."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from jwtapi.mail.errors import MailUnavailable
from jwtapi.mail.kinds import MailKind
from jwtapi.settings import Settings
from jwtapi.storage.mails import QueuedMail
from jwtapi.storage.unit_of_work import UnitOfWork


class Outbox:
    def __init__(self, settings: Settings) -> None:
        self.is_on = settings.sends_mail
        """Whether mails are sent. In development without MAIL_URL they become files."""
        self.waiting = asyncio.Event()
        """Set when this process may have stored a mail."""

    def require(self) -> None:
        """Raise MailUnavailable if no mail is sent."""
        if not self.is_on:
            raise MailUnavailable

    def add(  # noqa: PLR0913  a mail has these parts
        self,
        uow: UnitOfWork,
        kind: MailKind,
        *,
        at: datetime,
        language: str,
        user_id: UUID | None = None,
        recipient: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Store a mail. Call `wake` after the unit was committed. Does nothing if no mail is sent.

        `details` is a JSON object without secrets. Without `recipient`, the kind looks up the address when it composes
        the mail.
        """
        if self.is_on:
            mail = QueuedMail(uuid4(), kind.name, user_id, recipient, details or {}, language, created_at=at, due_at=at)
            uow.mails.add(mail)

    def wake(self) -> None:
        """Let the worker of this process look for mails now. Those of other processes look every few seconds."""
        self.waiting.set()
