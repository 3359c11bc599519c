"""Puts mails into the outbox of an API, and looks at them."""

from typing import Any
from uuid import UUID, uuid4

from jwtapi.mail.outbox import Outbox
from jwtapi.storage.database import Database
from jwtapi.storage.mails import QueuedMail
from tests.support.api import Api


async def store_mail(api: Api, recipient: str | None = "alice@example.com", **changes: Any) -> UUID:
    """Store a mail that is due now, as another process does: the worker of this API does not hear of it."""
    now = api.clock()
    row: dict[str, Any] = {
        "id": uuid4(),
        "kind": "test",
        "user_id": None,
        "recipient": recipient,
        "details": {},
        "language": "en",
        "created_at": now,
        "due_at": now,
    } | changes
    mail = QueuedMail(**row)
    await api.services[Database].write(lambda uow: uow.mails.add(mail))
    return mail.id


async def add_mail(api: Api, recipient: str | None = "alice@example.com", **changes: Any) -> UUID:
    mail_id = await store_mail(api, recipient, **changes)
    api.services[Outbox].wake()
    return mail_id


async def outbox_of(api: Api) -> list[QueuedMail]:
    return await api.services[Database].read(lambda uow: uow.mails.page(after=None, limit=100))


async def only_mail(api: Api) -> QueuedMail:
    (mail,) = await outbox_of(api)
    return mail
