"""How to provoke the errors of API keys."""

import itertools
from typing import Any

import httpx

from jwtapi.sign_in.documentation import example_password
from jwtapi.web.schemas import EXAMPLE_ID
from tests.support.api import Api, register, sign_in
from tests.support.api_keys import create_key, make_key, with_key
from tests.support.provoking import Provoke, Request, alice, by, real_path

KEYS, ONE = "/api/keys", "/api/keys/{id}"
_names = iter(f"keys{number}" for number in range(1_000_000))
_addresses = itertools.cycle(range(1, 255))


async def _new(api: Api) -> httpx.AsyncClient:
    name, password = next(_names), example_password(api.services.settings.password_min_length)
    client = api.client(f"198.51.102.{next(_addresses)}")
    await register(client, name, password)
    return await sign_in(client, name, password)


async def by_a_key(api: Api, method: str, path: str) -> httpx.Response:
    """Only one key, however often it is called: a user can have 50."""
    await alice(api)
    await api.sql("DELETE FROM api_keys")
    created = await create_key(api)
    return await with_key(api, created.text).request(method, real_path(path))


async def by_one_too_many(api: Api, method: str, path: str) -> httpx.Response:
    client = await alice(api)
    while (response := await client.request(method, path, json={"name": "x"})).status_code == 201:
        pass
    return response


async def after_eleven_minutes(api: Api, method: str, path: str) -> httpx.Response:
    client = await alice(api)
    api.clock.advance(11 * 60)
    return await client.request(method, path, json={"name": "x"})


async def create(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    return await (await _new(api)).post(KEYS, json={"name": "Nightly backup", "roles": []})


async def list_one(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await _new(api)
    await make_key(client)
    return await client.get(KEYS)


async def revoke(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await _new(api)
    return await client.delete(f"{KEYS}/{(await make_key(client))['id']}")


PATHS = {ONE: f"{KEYS}/{EXAMPLE_ID}"}
PROVOKED: dict[Any, Provoke] = {
    "session_required": by_a_key,
    "api_key_name_invalid": by(json={"name": "\x1b"}),
    "api_key_expiry_invalid": by(json={"name": "x", "expiresAt": "2026-01-01T00:00:00Z"}),
    "api_key_roles_invalid": by(json={"name": "x", "roles": ["admin"]}),
    "too_many_api_keys": by_one_too_many,
    ("insufficient_user_authentication", KEYS): after_eleven_minutes,
    ("not_found", ONE): by(),
}
SETTINGS: dict[str, dict[str, Any]] = {"too_many_attempts": {"api_key_rate_limit": "2/minute"}}
BODIES: dict[str, Any] = {KEYS: {"json": {"name": "x"}}}
WRONG: dict[str, Any] = {KEYS: {}}
REQUESTS: dict[str, Request] = {"createApiKey": create, "listApiKeys": list_one, "revokeApiKey": revoke}
