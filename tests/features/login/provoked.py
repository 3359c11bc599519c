"""How to provoke the errors of a registration, and those of a logout, which come from its query."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx

from jwtapi.security.link_tokens import LinkPurpose, LinkTokens
from jwtapi.storage.database import Database
from jwtapi.storage.invitations import Invitation
from tests.support.api import Api
from tests.support.provoking import RIGHT, Provoke, alice, by_nobody

REGISTER = "/register"
BOB = RIGHT | {"username": "bob"}
EMAIL = "bob@example.com"


async def token_of_invitation(api: Api, days: int = 7) -> str:
    """Invite EMAIL, and return the token that the link in the mail has."""
    now, key = api.clock(), bytes(32)
    invitation = Invitation(uuid4(), key, EMAIL, EMAIL, [], created_at=now, expires_at=now + timedelta(days=days))
    await api.services[Database].write(lambda uow: uow.invitations.put(invitation))
    return api.services[LinkTokens].issue(
        LinkPurpose.ACCEPT_INVITATION, invitation.id, bound_to=key, expires_at=invitation.expires_at
    )


def by_invitation(days: int = 7, **members: Any) -> Provoke:
    async def provoke(api: Api, method: str, path: str) -> httpx.Response:
        body = BOB | {"invitation": await token_of_invitation(api, days)} | members
        return await api.client().request(method, path, json=body)

    return provoke


async def by_an_address_of_somebody_else(api: Api, method: str, path: str) -> httpx.Response:
    await alice(api)
    user = await api.user()
    former = {"former_email": None, "former_email_until": None}
    await api.services[Database].write(
        lambda uow: uow.users.change_email(user.id, email=EMAIL, canonical_email=EMAIL, **former)
    )
    return await by_invitation()(api, method, path)


async def a_wrong_query(api: Api, method: str, path: str) -> httpx.Response:
    return await api.client().request(method, f"{path}?everywhere=perhaps")


async def everywhere_without_a_token(api: Api, method: str, path: str) -> httpx.Response:
    return await api.client().request(method, f"{path}?everywhere=true")


PROVOKED: dict[str | tuple[str, str], Provoke] = {
    "registration_closed": by_nobody(json=BOB),
    "invitation_required": by_nobody(json=BOB),
    "email_required": by_nobody(json=BOB),
    "email_differs": by_invitation(email="eve@example.com"),
    ("email_invalid", REGISTER): by_nobody(json=BOB | {"email": "bob"}),
    ("email_taken", REGISTER): by_an_address_of_somebody_else,
    ("link_invalid", REGISTER): by_invitation(invitation="forged"),
    ("link_expired", REGISTER): by_invitation(days=-1),
    ("validation_failed", "/logout"): a_wrong_query,
    ("access_token_required", "/logout"): everywhere_without_a_token,
    ("mail_unavailable", REGISTER): by_nobody(json=BOB | {"email": EMAIL}),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "registration_closed": {"registration": "closed"},
    "invitation_required": {"registration": "invite"},
    "email_required": {"email_required": True},
}
