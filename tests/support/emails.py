"""E-mail addresses of users, for tests that begin where an account has one."""

from datetime import datetime, timedelta

import httpx

from jwtapi.security.email_addresses import parse_email
from jwtapi.security.link_tokens import LinkPurpose, LinkTokens
from jwtapi.storage.database import Database
from jwtapi.users.pending_email import pending_email_of
from tests.support.api import Api
from tests.support.smtp import Mailbox


async def enter_email(client: httpx.AsyncClient, email: str) -> httpx.Response:
    return await client.post("/api/email", json={"email": email})


async def verify_email(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/email/verify", json={"token": token})


async def token_of(mailbox: Mailbox, recipient: str, page: str) -> str:
    """Wait for a mail with a link to a page of the account, such as `verify`, and return its token."""
    while True:  # other mails may come before it
        mail = await mailbox.next(recipient)
        if any(f"/account/{page}#" in link for link in mail.links):
            return mail.token


async def give_email(client: httpx.AsyncClient, mailbox: Mailbox, email: str) -> None:
    """Let a signed-in user enter an address, and confirm it by the mail."""
    entered = await enter_email(client, email)
    assert entered.status_code == 202, entered.text
    confirmed = await verify_email(client, await token_of(mailbox, email, "verify"))
    assert confirmed.status_code == 200, confirmed.text


async def set_email(
    api: Api, email: str, username: str = "alice", *, former: str | None = None, until: datetime | None = None
) -> None:
    """Store an address as verified, without mails."""
    user, address = await api.user(username), parse_email(email)
    await api.services[Database].write(
        lambda uow: uow.users.change_email(
            user.id,
            email=address.display,
            canonical_email=address.canonical,
            former_email=former,
            former_email_until=until,
        )
    )


async def set_pending_email(api: Api, email: str, username: str = "alice") -> str:
    """Let an address wait, without a mail, and return the token that verifies it."""
    user = await api.user(username)
    await api.services[Database].write(lambda uow: uow.users.set_pending_email(user.id, email))
    pending = pending_email_of(await api.user(username))
    assert pending is not None
    return api.services[LinkTokens].issue(
        LinkPurpose.VERIFY_EMAIL, user.id, bound_to=pending.link_state, expires_at=api.clock() + timedelta(hours=24)
    )


async def undo_token(api: Api, username: str = "alice") -> str:
    """Return the token that the notice of a changed address has."""
    user = await api.user(username)
    assert user.former_email_until is not None
    return api.services[LinkTokens].issue(
        LinkPurpose.UNDO_EMAIL, user.id, bound_to=user.undo_state, expires_at=user.former_email_until
    )
