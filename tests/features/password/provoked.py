"""How to provoke the errors of forgotten and new passwords."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from jwtapi.security.link_tokens import LinkPurpose, LinkTokens
from jwtapi.security.passwords import Overloaded, PasswordHasher
from jwtapi.sign_in.documentation import example_password
from tests.features.passkeys.provoked import added
from tests.support.api import PASSWORD, Api, register, sign_in
from tests.support.provoking import Provoke, Request, alice, by

FORGOT, RESET, CHANGE = "/password/forgot", "/password/reset", "/api/password"

FORGED = LinkTokens("a secret of somebody else").issue(
    LinkPurpose.RESET_PASSWORD, UUID(int=1), bound_to=b"", expires_at=datetime(2100, 1, 1, tzinfo=UTC)
)
"""A token of the right form."""


async def token_of(api: Api, username: str = "alice", **changes: Any) -> str:
    """Return the token that a link to set the password of a user has."""
    user = await api.user(username)
    issued: dict[str, Any] = {
        "purpose": LinkPurpose.RESET_PASSWORD,
        "subject": user.id,
        "bound_to": user.link_state,
        "expires_at": api.clock() + timedelta(minutes=30),
    }
    return api.services[LinkTokens].issue(**issued | changes)


def by_a_reset(password: str = PASSWORD, **changes: Any) -> Provoke:
    """Provoke an error by a token that alice's mail could have, but for `changes`."""

    async def provoke(api: Api, _: str, path: str) -> httpx.Response:
        client = await alice(api)
        return await client.post(path, json={"token": await token_of(api, **changes), "password": password})

    return provoke


def by_a_change(new_password: str, current_password: str = PASSWORD) -> Provoke:
    return by(json={"currentPassword": current_password, "newPassword": new_password})


async def while_hashes_wait(api: Api, method: str, path: str) -> httpx.Response:
    def fail(*_: Any, **__: Any) -> None:
        raise Overloaded

    client = await alice(api)
    body = {"token": await token_of(api), "password": PASSWORD}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PasswordHasher, "hash", fail)
        return await client.request(method, path, json=body)


async def reset_bob(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    """Reset the password of another user than the one who has signed in, because that ends all sessions."""
    client, password = api.client("203.0.113.250"), example_password(api.services.settings.password_min_length)
    await register(client, "bob", password)
    return await client.post(RESET, json={"token": await token_of(api, "bob"), "password": password})


_names = iter(f"erin{number}" for number in range(1_000_000))


async def _erin(api: Api) -> httpx.AsyncClient:
    name, password = next(_names), example_password(api.services.settings.password_min_length)
    client = api.client("203.0.113.251")
    await register(client, name, password)
    return await sign_in(client, name, password)


async def without_a_password(api: Api, method: str, path: str) -> httpx.Response:
    client = await _erin(api)
    await api.sql("UPDATE users SET password_hash = NULL WHERE username LIKE 'erin%'")
    return await client.request(method, path)


async def after_eleven_minutes(api: Api, method: str, path: str) -> httpx.Response:
    client = await _erin(api)
    if method == "PUT":  # with a password, no sign-in is too old
        await api.sql("UPDATE users SET password_hash = NULL WHERE username LIKE 'erin%'")
    api.clock.advance(11 * 60)
    return await client.request(method, path, json={"newPassword": PASSWORD} if method == "PUT" else None)


async def remove_a_password(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await _erin(api)
    for _number in range(2):
        await added(client)
    return await client.delete(CHANGE)


PROVOKED: dict[str | tuple[str, str], Provoke] = {
    "link_invalid": by(json={"token": "forged", "password": PASSWORD}),
    "link_expired": by_a_reset(expires_at=datetime(2000, 1, 1, tzinfo=UTC)),
    "wrong_password": by_a_change(PASSWORD, "wrong"),
    "mail_unavailable": by(json={"login": "alice"}),
    ("link_invalid", RESET): by(json={"token": "forged", "password": PASSWORD}),
    ("link_expired", RESET): by_a_reset(expires_at=datetime(2000, 1, 1, tzinfo=UTC)),
    ("wrong_password", CHANGE): by_a_change(PASSWORD, "wrong"),
    ("mail_unavailable", FORGOT): by(json={"login": "alice"}),
    ("password_too_short", RESET): by_a_reset("short"),
    ("password_too_short", CHANGE): by_a_change("short"),
    ("password_too_long", RESET): by_a_reset("x" * 1025),
    ("password_too_long", CHANGE): by_a_change("x" * 1025),
    ("password_too_common", RESET): by_a_reset("passwordpassword"),
    ("password_too_common", CHANGE): by_a_change("passwordpassword"),
    ("overloaded", RESET): while_hashes_wait,
    ("insufficient_user_authentication", CHANGE): after_eleven_minutes,
    ("not_found", CHANGE): without_a_password,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "mail_unavailable": {"environment": "production", "bcrypt_rounds": 10, "docs_enabled": True}
}
BODIES: dict[str, dict[str, Any]] = {
    FORGOT: {"json": {"login": "alice"}},
    RESET: {"json": {"token": FORGED, "password": PASSWORD}},
    CHANGE: {"json": {"currentPassword": PASSWORD, "newPassword": PASSWORD}},
}
WRONG: dict[str, Any] = {CHANGE: {"newPassword": PASSWORD}}
REQUESTS: dict[str, Request] = {"resetPassword": reset_bob, "removePassword": remove_a_password}
