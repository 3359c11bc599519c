"""How to provoke the errors of e-mail addresses."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from jwtapi.security.link_tokens import LinkPurpose, LinkTokens
from jwtapi.sign_in.documentation import example_password
from tests.support.api import Api, register
from tests.support.emails import set_email, set_pending_email, undo_token
from tests.support.provoking import Provoke, Request, alice, by


def _forged(expires_in: timedelta) -> str:
    """A token in the right form."""
    tokens = LinkTokens("another secret")
    expires_at = datetime.now(UTC) + expires_in
    return tokens.issue(LinkPurpose.VERIFY_EMAIL, uuid4(), bound_to=b"", expires_at=expires_at)


async def _old_sign_in(api: Api, method: str, path: str) -> httpx.Response:
    client = await alice(api)
    api.clock.advance(601)
    return await client.request(method, path, json=BODIES.get(path, {}).get("json"))


async def _taken(api: Api, method: str, path: str) -> httpx.Response:
    """By the link of an address that another user was first to verify."""
    client = await alice(api)
    name = f"owner{uuid4().hex[:8]}"
    await register(client, name)
    email = f"{name}@example.com"
    if path == "/email/undo":
        await set_email(api, "alice@example.com", former=email, until=api.clock() + timedelta(days=1))
        token = await undo_token(api)
    else:
        token = await set_pending_email(api, email)
    await set_email(api, email, name)
    return await client.request(method, path, json={"token": token})


async def _not_signed_in(api: Api, method: str, path: str) -> httpx.Response:
    await alice(api)
    await set_email(api, "alice@example.com")
    token = await set_pending_email(api, "alice@new.example.com")
    return await api.client("203.0.113.98").request(method, path, json={"token": token})


_forged_link, _old_link = (
    by(json={"token": _forged(timedelta(days=1))}),
    by(json={"token": _forged(-timedelta(days=1))}),
)
PROVOKED: dict[str | tuple[str, str], Provoke] = {
    "email_taken": _taken,
    "sign_in_required": _not_signed_in,
    ("link_invalid", "/email/verify"): _forged_link,
    ("link_invalid", "/email/undo"): _forged_link,
    ("link_expired", "/email/verify"): _old_link,
    ("link_expired", "/email/undo"): _old_link,
    "email_invalid": by(json={"email": "nobody"}),
    ("email_invalid", "/api/email"): by(json={"email": "nobody"}),
    ("insufficient_user_authentication", "/api/email"): _old_sign_in,
    ("mail_unavailable", "/api/email"): by(json={"email": "alice@example.com"}),
    "insufficient_user_authentication": _old_sign_in,
}
BODIES: dict[str, Any] = {
    "/email/verify": {"json": {"token": _forged(timedelta(days=1))}},
    "/email/undo": {"json": {"token": _forged(timedelta(days=1))}},
    "/api/email": {"json": {"email": "alice@example.com"}},
}


async def _verify(api: Api, client: httpx.AsyncClient) -> httpx.Response:
    token = await set_pending_email(api, "alice@example.com")
    return await client.post("/email/verify", json={"token": token})


async def _undo(api: Api, client: httpx.AsyncClient) -> httpx.Response:
    """By another user than the one who sends all other requests, because all sessions end."""
    password = example_password(api.services.settings.password_min_length)
    await register(api.client("203.0.113.99"), "olga", password)
    await set_email(api, "new@example.com", "olga", former="olga@example.com", until=api.clock() + timedelta(days=1))
    return await client.post("/email/undo", json={"token": await undo_token(api, "olga")})


REQUESTS: dict[str, Request] = {"verifyEmail": _verify, "undoEmailChange": _undo}
