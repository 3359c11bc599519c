"""How to provoke the errors of the account."""

from typing import Any

import httpx

from jwtapi.sign_in.documentation import example_password
from tests.support.api import PASSWORD, Api, register, sign_in
from tests.support.provoking import Provoke, Request, alice, by

ACCOUNT = "/api/account"


def by_a_name(username: str) -> Provoke:
    """Provoke an error by this new name for alice."""
    return by(json={"username": username})


async def by_a_name_that_is_taken(api: Api, method: str, path: str) -> httpx.Response:
    await api.client().post("/register", json={"username": "bob", "password": "x" * 40})
    return await by_a_name("bob")(api, method, path)


async def until_names_or_passwords_are_too_many(api: Api, method: str, path: str) -> httpx.Response:
    client = await alice(api)
    await client.post("/register", json={"username": "bob", "password": "x" * 40})
    while True:
        response = await client.request(
            method, path, json={"username": "bob"} if method == "PATCH" else {"password": "wrong"}
        )
        if response.status_code == 429:
            return response


async def after_eleven_minutes(api: Api, method: str, path: str) -> httpx.Response:
    client = await alice(api)
    api.clock.advance(11 * 60)
    return await client.request(method, path)


async def export_carol(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    """Export an account in which nothing else has happened."""
    return await (await _new(api, "carol")).get(f"{ACCOUNT}/export")


async def delete_dave(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    """Delete another user than the one who has signed in."""
    return await (await _new(api, "dave")).request("DELETE", ACCOUNT, json={"password": _password(api)})


async def _new(api: Api, username: str) -> httpx.AsyncClient:
    client = api.client()
    await register(client, username, _password(api))
    return await sign_in(client, username, _password(api))


def _password(api: Api) -> str:
    return example_password(api.services.settings.password_min_length)


async def by_the_last_administrator(api: Api, method: str, path: str) -> httpx.Response:
    await alice(api)
    await api.set_roles("admin")
    client = await alice(api)
    return await client.request(method, path, json={"password": PASSWORD})


PROVOKED: dict[str | tuple[str, str], Provoke] = {
    "last_administrator": by_the_last_administrator,
    "settings_too_large": by(json={"much": "x" * 17_000}),
    "insufficient_user_authentication": after_eleven_minutes,
    ("username_invalid", ACCOUNT): by_a_name("two words"),
    ("username_reserved", ACCOUNT): by_a_name("admin"),
    ("username_taken", ACCOUNT): by_a_name_that_is_taken,
    ("wrong_password", ACCOUNT): by(json={"password": "wrong"}),
    ("too_many_attempts", ACCOUNT): until_names_or_passwords_are_too_many,
}
SETTINGS: dict[str, dict[str, Any]] = {"too_many_attempts": {"rename_rate_limit": "1/15 minutes"}}
WRONG: dict[str, Any] = {"/api/settings": [], ACCOUNT: {"username": 5}}
REQUESTS: dict[str, Request] = {"exportAccount": export_carol, "deleteAccount": delete_dave}
