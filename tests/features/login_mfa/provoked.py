"""How to provoke the errors of the second step of a login."""

import itertools
from typing import Any

import httpx

from jwtapi.second_factors.methods import MFA_GRANT
from jwtapi.sign_in.documentation import example_password
from tests.support.api import PASSWORD, Api, register, sign_in
from tests.support.mfa import answer, ticket_of, with_totp
from tests.support.provoking import Provoke, Request, by_nobody

LOGIN = "/login/mfa"
_names = iter(f"mfa{number}" for number in range(1_000_000))
_addresses = itertools.cycle(range(1, 255))


async def _with_factor(api: Api, password: str = PASSWORD) -> tuple[httpx.AsyncClient, str, Any]:
    name = next(_names)
    client = api.client(f"198.51.102.{next(_addresses)}")
    await register(client, name, password)
    app = await with_totp(api, await sign_in(client, name, password))
    return client, await ticket_of(client, password, name), app


async def by_a_wrong_code(api: Api, method: str, path: str) -> httpx.Response:
    client, ticket, app = await _with_factor(api)
    if path == "/token":
        form = {"grant_type": MFA_GRANT, "ticket": ticket, "method": "totp", "code": app.wrong_code()}
        return await client.request(method, path, data=form)
    return await answer(client, ticket, app.wrong_code())


async def by_the_password_alone(api: Api, method: str, path: str) -> httpx.Response:
    name = next(_names)
    client = api.client(f"198.51.102.{next(_addresses)}")
    await register(client, name)
    await with_totp(api, await sign_in(client, name))
    if path == "/token":
        form = {"grant_type": "password", "username": name, "password": PASSWORD}
        return await client.request(method, path, data=form)
    if path == "/api/reauthenticate":
        return await client.request(method, path, json={"password": PASSWORD})
    return await client.request(method, path, json={"username": name, "password": PASSWORD})


async def by_the_password_after_the_grace(api: Api, method: str, path: str) -> httpx.Response:
    name = next(_names)
    client = api.client(f"198.51.102.{next(_addresses)}")
    await register(client, name)
    credentials = {"username": name, "password": PASSWORD}
    if path == "/token":
        return await client.request(method, path, data={"grant_type": "password", **credentials})
    return await client.request(method, path, json=credentials)


async def reauthenticate_by_a_wrong_code(api: Api, method: str, path: str) -> httpx.Response:
    name = next(_names)
    client = api.client(f"198.51.102.{next(_addresses)}")
    await register(client, name)
    app = await with_totp(api, await sign_in(client, name))
    ticket = (await client.request(method, path, json={"password": PASSWORD})).json()["ticket"]
    return await client.request(method, path, json={"ticket": ticket, "method": "totp", "code": app.wrong_code()})


async def reauthenticate_by_a_wrong_ticket(api: Api, method: str, path: str) -> httpx.Response:
    client = api.client(f"198.51.102.{next(_addresses)}")
    name = next(_names)
    await register(client, name)
    await sign_in(client, name)
    return await client.request(method, path, json={"ticket": "x", "method": "totp", "code": "123456"})


async def complete(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    password = example_password(api.services.settings.password_min_length)
    client, ticket, app = await _with_factor(api, password)
    return await answer(client, ticket, app.next_code())


async def enrol(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    """Only a server with MFA_REQUIRED gives such tickets, so that the database gets one here."""
    password = example_password(api.services.settings.password_min_length)
    client, ticket, _app = await _with_factor(api, password)
    await api.sql("UPDATE login_tickets SET enrols = true")
    await api.sql("DELETE FROM totp_secrets")
    return await client.post("/login/mfa/totp", json={"ticket": ticket})


TICKET = {"ticket": "x", "method": "totp", "code": "123456"}
PROVOKED: dict[Any, Provoke] = {
    "mfa_required": by_the_password_alone,
    "mfa_enrolment_required": by_the_password_after_the_grace,
    "mfa_ticket_invalid": by_nobody(json=TICKET),
    "mfa_invalid": by_a_wrong_code,
    ("mfa_invalid", "/api/reauthenticate"): reauthenticate_by_a_wrong_code,
    ("mfa_ticket_invalid", "/token"): by_nobody(data={"grant_type": MFA_GRANT, **TICKET}),
    ("mfa_ticket_invalid", "/api/reauthenticate"): reauthenticate_by_a_wrong_ticket,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "mfa_enrolment_required": {"mfa_required": "all", "mfa_grace": 0},
    "too_many_attempts": {"mfa_rate_limit": "2/minute"},
}
BODIES: dict[str, Any] = {LOGIN: {"json": TICKET}, "/login/mfa/totp": {"json": {"ticket": "x"}}}
WRONG: dict[str, Any] = {LOGIN: {"method": "totp", "code": "123456"}, "/login/mfa/totp": {}}
REQUESTS: dict[str, Request] = {"completeLogin": complete, "enrolTotp": enrol}
