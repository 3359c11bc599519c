"""Lists events and mails for administrators, and deletes clients and mails."""

from collections.abc import Callable
from uuid import UUID

from jwtapi import audit
from jwtapi.administration.administrator import Administrator
from jwtapi.administration.lock import lock_administrator
from jwtapi.caller import Caller
from jwtapi.clients.service import ClientService
from jwtapi.clock import Clock
from jwtapi.errors import NotFound
from jwtapi.features.admin_activity.events import MAIL_DELETED, MAIL_RETRIED
from jwtapi.mail.outbox import Outbox
from jwtapi.storage.database import Database
from jwtapi.storage.event_search import EventFilter, EventPage, EventSearch
from jwtapi.storage.events import EventType
from jwtapi.storage.mails import QueuedMail
from jwtapi.storage.unit_of_work import UnitOfWork

_BEFORE_ALL = UUID(int=0)
"""A page begins somewhere, because SQLite would otherwise plan to read the whole table."""


class ActivityService:
    def __init__(self, database: Database, clients: ClientService, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._clients = clients
        self._outbox = outbox
        self._clock = clock

    async def events(self, which: EventFilter, *, before: int | None, limit: int) -> EventPage:
        """Return a page of events, as `EventSearch.page`."""
        return await self._database.read(
            lambda uow: EventSearch(uow.connection).page(which, before=before, limit=limit)
        )

    async def mails(self, *, after: UUID | None, limit: int) -> list[QueuedMail]:
        """Return up to `limit` mails of the outbox in the order of their ids, and one more if there is one."""
        start = after if after is not None else _BEFORE_ALL
        return await self._database.read(lambda uow: uow.mails.page(after=start, limit=limit + 1))

    async def delete_client(self, client_id: UUID, administrator: Administrator) -> None:
        """Delete a client. Its secret and its tokens are refused from the next request on.

        Raises:
            NotFound
            AccessTokenInvalid, RoleRequired, SignInTooOld: as `lock_administrator`.
        """

        def delete(uow: UnitOfWork, caller: Caller) -> bool:
            return self._clients.delete_by_id(uow, client_id, caller)

        await self._act(administrator, delete)

    async def retry_mail(self, mail_id: UUID, administrator: Administrator) -> None:
        """Let a mail be sent now if it was given up, or if its last attempt failed.

        Raises:
            as `delete_client`.
        """

        def retry(uow: UnitOfWork, caller: Caller) -> bool:
            mail = uow.mails.get(mail_id)
            if mail is None:
                return False
            if uow.mails.retry([mail_id], self._clock()):
                self._record(uow, MAIL_RETRIED, mail, caller)
            return True

        await self._act(administrator, retry)
        self._outbox.wake()

    async def delete_mail(self, mail_id: UUID, administrator: Administrator) -> None:
        """Delete a mail that is not to be sent. One that is being sent may arrive.

        Raises:
            as `delete_client`.
        """

        def delete(uow: UnitOfWork, caller: Caller) -> bool:
            mail = uow.mails.take(mail_id)
            if mail is None:
                return False
            self._record(uow, MAIL_DELETED, mail, caller)
            return True

        await self._act(administrator, delete)

    async def _act(self, administrator: Administrator, act: Callable[[UnitOfWork, Caller], bool]) -> None:
        """Run an act, which returns False if what it is about is not there, unless the administrator is none any more.

        Raises:
            as `delete_client`.
        """

        def unit(uow: UnitOfWork) -> bool:
            lock_administrator(uow, administrator, self._clock())
            return act(uow, administrator.caller)

        if not await self._database.write(unit):
            raise NotFound

    def _record(self, uow: UnitOfWork, type_: EventType, mail: QueuedMail, caller: Caller) -> None:
        details = {"mail_id": str(mail.id), "kind": mail.kind}
        uow.events.add(audit.event(type_, at=self._clock(), caller=caller, user_id=mail.user_id, details=details))
