"""What the command line does with the outbox."""

from collections.abc import Collection
from uuid import UUID

from jwtapi.clock import Clock
from jwtapi.languages import DEFAULT
from jwtapi.mail.mails import TEST_MAIL
from jwtapi.mail.outbox import Outbox
from jwtapi.security.email_addresses import parse_email
from jwtapi.storage.database import Database
from jwtapi.storage.mails import QueuedMail

_PAGE = 500


class MailService:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock

    async def page(self, *, after: UUID | None = None) -> list[QueuedMail]:
        """Return mails in the order of their ids. The page is empty after the last."""
        return await self._database.read(lambda uow: uow.mails.page(after=after, limit=_PAGE))

    async def missing(self, mail_ids: Collection[UUID]) -> list[UUID]:
        """Return the ids that no mail has."""
        found = await self._database.read(lambda uow: uow.mails.existing(mail_ids))
        return [each for each in mail_ids if each not in found]

    async def retry(self, mail_ids: Collection[UUID] | None) -> int:
        """Let mails that failed be sent now, and return how many. None means all of them."""
        now = self._clock()
        return await self._database.write(lambda uow: uow.mails.retry(mail_ids, now))

    async def test(self, recipient: str) -> None:
        """Store a mail that only shows that mails arrive.

        Raises:
            MailUnavailable: no mail is sent.
            EmailInvalid: the recipient is no address.
        """
        self._outbox.require()
        now, recipient = self._clock(), parse_email(recipient).display
        await self._database.write(
            lambda uow: self._outbox.add(uow, TEST_MAIL, at=now, recipient=recipient, language=DEFAULT)
        )
        self._outbox.wake()
