"""How to provoke the errors of passkeys."""

import itertools
from typing import Any

import httpx

from jwtapi.sign_in.documentation import example_password
from jwtapi.web.schemas import EXAMPLE_ID
from tests.support.api import Api, register, sign_in
from tests.support.authenticator import Authenticator
from tests.support.provoking import Provoke, Request, by, by_nobody

LOGIN, OPTIONS, OF_LOGIN = "/login/passkey", "/api/passkeys/options", "/login/passkey/options"
API, ONE = "/api/passkeys", "/api/passkeys/{id}"
NOTHING: dict[str, Any] = {"credential": {}}
_names = iter(f"passkey{number}" for number in range(1_000_000))
_addresses = itertools.cycle(range(1, 255))


async def new(api: Api) -> httpx.AsyncClient:
    name, password = next(_names), example_password(api.services.settings.password_min_length)
    client = api.client(f"198.51.100.{next(_addresses)}")
    await register(client, name, password)
    return await sign_in(client, name, password)


async def added(client: httpx.AsyncClient, **how: Any) -> tuple[Authenticator, httpx.Response]:
    options = (await client.post(OPTIONS)).json()
    rp_id = options["rp"]["id"]
    authenticator = Authenticator(**({} if rp_id == "localhost" else {"origin": f"https://{rp_id}"}) | how)
    return authenticator, await client.post(API, json={"credential": authenticator.create(options)})


async def by_the_last_way_in(api: Api, method: str, path: str) -> httpx.Response:
    client = await new(api)
    if path != ONE:
        return await client.request(method, path)
    _, response = await added(client)
    await api.sql("UPDATE users SET password_hash = NULL WHERE username LIKE 'passkey%'")
    return await client.request(method, f"{API}/{response.json()['id']}")


async def by_one_too_many(api: Api, method: str, path: str) -> httpx.Response:
    client = await new(api)
    if path not in {API, OPTIONS}:
        return await client.request(method, path)
    options = None
    for number in range(20):
        options = (await client.post(OPTIONS)).json()
        if number < 19:
            await client.post(API, json={"credential": Authenticator().create(options)})
    spare = (await client.post(OPTIONS)).json()
    await client.post(API, json={"credential": Authenticator().create(options or {})})
    body = {"credential": Authenticator().create(spare)} if path == API else None
    return await client.request(method, path, json=body)


async def with_a_signed_in_client(api: Api, method: str, path: str) -> httpx.Response:
    body: dict[str, Any] = {} if method == "GET" or path == OPTIONS else {"json": NOTHING}
    client = await new(api) if path.startswith("/api") else api.client()
    return await client.request(method, path, **(body if path != OF_LOGIN else {"json": {}}))


async def after_eleven_minutes(api: Api, method: str, path: str) -> httpx.Response:
    client = await new(api)
    api.clock.advance(11 * 60)
    return await client.request(method, path.replace("{id}", EXAMPLE_ID), json=NOTHING if path == API else None)


async def begin(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    return await (await new(api)).post(OPTIONS)


async def add(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    return (await added(await new(api)))[1]


async def listed(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await new(api)
    await added(client)
    return await client.get(API)


async def rename(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await new(api)
    passkey = (await added(client))[1].json()
    return await client.patch(f"{API}/{passkey['id']}", json={"name": "My phone"})


async def remove(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await new(api)
    passkey = (await added(client))[1].json()
    return await client.delete(f"{API}/{passkey['id']}")


async def log_in(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await new(api)
    authenticator, _response = await added(client)
    options = (await client.post(OF_LOGIN, json={})).json()
    return await client.post(LOGIN, json={"credential": authenticator.get(options)})


async def begin_login(_: Api, client: httpx.AsyncClient) -> httpx.Response:
    return await client.post(OF_LOGIN, json={})


PATHS = {ONE: f"{API}/{EXAMPLE_ID}"}
PROVOKED: dict[Any, Provoke] = {
    "passkey_invalid": by_nobody(json=NOTHING),
    ("passkey_invalid", "/api/reauthenticate"): by(json=NOTHING),
    "passkey_not_accepted": by(json=NOTHING),
    "too_many_passkeys": by_one_too_many,
    "last_way_in": by_the_last_way_in,
    "mfa_unavailable": with_a_signed_in_client,
    ("mfa_ticket_invalid", OF_LOGIN): by_nobody(json={"ticket": "x"}),
    ("validation_failed", OF_LOGIN): by_nobody(json={"ticket": 5}),
    ("not_found", "/.well-known/webauthn"): by_nobody(),
    **{("insufficient_user_authentication", path): after_eleven_minutes for path in (API, OPTIONS, ONE)},
    ("not_found", ONE): by(json={"name": "My phone"}),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "mfa_unavailable": {"public_url": "https://192.0.2.1"},
    "too_many_attempts": {"passkey_rate_limit": "2/minute"},
}
UNKNOWN = {"credential": Authenticator(handle=b"x" * 64).get({"challenge": "AAAA", "rpId": "localhost"})}
BODIES: dict[str, Any] = {LOGIN: {"json": UNKNOWN}, OF_LOGIN: {"json": {}}}
WRONG: dict[str, Any] = {LOGIN: {}, API: {}, ONE: {}}
REQUESTS: dict[str, Request] = {
    "beginPasskey": begin,
    "addPasskey": add,
    "listPasskeys": listed,
    "renamePasskey": rename,
    "removePasskey": remove,
    "logInWithPasskey": log_in,
    "beginPasskeyLogin": begin_login,
}
