"""Who and what the tests of the administration need."""

from uuid import UUID, uuid4

import httpx

from jwtapi.mail.mails import TEST_MAIL
from jwtapi.storage.api_keys import ApiKey
from jwtapi.storage.database import Database
from jwtapi.storage.mails import QueuedMail
from tests.support import administration
from tests.support.api import Api


async def administrator(api: Api, username: str = "ada") -> httpx.AsyncClient:
    """Make a client that has just signed in as an administrator."""
    return await administration.administrator(api, username)


async def add_key(api: Api, username: str, name: str = "backup", *, roles: list[str] | None = None) -> ApiKey:
    """Store an API key of a user."""
    owner = await api.user(username)
    key = ApiKey(uuid4(), owner.id, name, b"k" * 32, roles, api.clock(), None)
    await api.services[Database].write(lambda uow: uow.api_keys.add(key))
    return key


async def add_mail(
    api: Api, recipient: str | None = "alice@example.com", *, failed: bool = False, mail_id: UUID | None = None
) -> QueuedMail:
    """Store a mail that waits for an hour, or that was given up."""
    now = api.clock()
    user_id = (await api.user("ada")).id
    mail = QueuedMail(
        mail_id or uuid4(),
        TEST_MAIL.name,
        user_id,
        recipient,
        {},
        "en",
        now,
        now.replace(year=now.year + 1),
        attempts=3 if failed else 0,
        failed_at=now if failed else None,
        last_error="the mail server refuses the mail: 550 no" if failed else None,
    )
    await api.services[Database].write(lambda uow: uow.mails.add(mail))
    return mail
