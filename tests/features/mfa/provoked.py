"""How to provoke the errors of second factors."""

import itertools
from typing import Any

import httpx

from jwtapi.sign_in.documentation import example_password
from jwtapi.web.schemas import EXAMPLE_ID
from tests.support.api import Api, register, sign_in
from tests.support.mfa import App, answer, ticket_of, with_totp
from tests.support.provoking import Provoke, Request

TOTP, CONFIRM, CODES = "/api/mfa/totp", "/api/mfa/totp/confirm", "/api/mfa/recovery-codes"
_names = iter(f"factor{number}" for number in range(1_000_000))
_addresses = itertools.cycle(range(1, 255))


async def _new(api: Api) -> httpx.AsyncClient:
    name, password = next(_names), example_password(api.services.settings.password_min_length)
    client = api.client(f"198.51.101.{next(_addresses)}")
    await register(client, name, password)
    return await sign_in(client, name, password)


async def by_a_second_app(api: Api, method: str, path: str) -> httpx.Response:
    client = await _new(api)
    await with_totp(api, client)
    return await client.request(method, path)


async def by_a_wrong_code(api: Api, method: str, path: str) -> httpx.Response:
    client = await _new(api)
    app = App(api, (await client.post(TOTP)).json()["secret"], [])
    return await client.request(method, path, json={"code": app.wrong_code()})


async def by_no_beginning(api: Api, method: str, path: str) -> httpx.Response:
    return await (await _new(api)).request(method, path, json={"code": "123456"})


async def by_no_factor(api: Api, method: str, path: str) -> httpx.Response:
    return await (await _new(api)).request(method, path)


async def until_codes_are_too_many(api: Api, method: str, path: str) -> httpx.Response:
    client = await _new(api)
    app = App(api, (await client.post(TOTP)).json()["secret"], [])
    while (response := await client.request(method, path, json={"code": app.wrong_code()})).status_code != 429:
        pass
    return response


async def until_beginnings_are_too_many(api: Api, method: str, path: str) -> httpx.Response:
    client = await _new(api)
    while (response := await client.request(method, path)).status_code != 429:
        pass
    return response


async def after_eleven_minutes(api: Api, method: str, path: str) -> httpx.Response:
    client = await _new(api)
    api.clock.advance(11 * 60)
    return await client.request(method, path, json={"code": "123456"} if path == CONFIRM else None)


async def begin(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    return await (await _new(api)).post(TOTP)


async def confirm(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await _new(api)
    app = App(api, (await client.post(TOTP)).json()["secret"], [])
    return await client.post(CONFIRM, json={"code": app.code()})


async def remove(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await _new(api)
    await with_totp(api, client)
    return await client.delete(TOTP)


async def make_codes(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await _new(api)
    await with_totp(api, client)
    return await client.post(CODES)


async def _remembered(api: Api) -> tuple[httpx.AsyncClient, list[dict[str, Any]]]:
    client = await _new(api)
    app = await with_totp(api, client)
    name = (await client.get("/profile")).json()["username"]
    password = example_password(api.services.settings.password_min_length)
    device = api.client()
    await answer(device, await ticket_of(device, password, name), app.next_code(), remember=True)
    return client, (await client.get("/api/mfa/devices")).json()["devices"]


async def list_devices(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client, _devices = await _remembered(api)
    return await client.get("/api/mfa/devices")


async def forget_one(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client, devices = await _remembered(api)
    return await client.delete(f"/api/mfa/devices/{devices[0]['id']}")


PATHS = {"/api/mfa/devices/{id}": f"/api/mfa/devices/{EXAMPLE_ID}"}
PROVOKED: dict[Any, Provoke] = {
    "totp_on": by_a_second_app,
    "totp_not_begun": by_no_beginning,
    "mfa_code_wrong": by_a_wrong_code,
    "mfa_off": by_no_factor,
    ("not_found", TOTP): by_no_factor,
    ("too_many_attempts", CONFIRM): until_codes_are_too_many,
    ("too_many_attempts", TOTP): until_beginnings_are_too_many,
    **{("insufficient_user_authentication", path): after_eleven_minutes for path in (TOTP, CONFIRM, CODES)},
}
WRONG: dict[str, Any] = {CONFIRM: {}}
REQUESTS: dict[str, Request] = {
    "beginTotp": begin,
    "confirmTotp": confirm,
    "removeTotp": remove,
    "makeRecoveryCodes": make_codes,
    "listRememberedDevices": list_devices,
    "forgetRememberedDevice": forget_one,
}
