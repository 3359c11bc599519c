"""How to provoke the errors of the administration of events, keys, clients and mails."""

import itertools
from typing import Any
from uuid import UUID

import httpx

from jwtapi.caller import COMMAND_LINE
from jwtapi.clients.scopes import Scope
from jwtapi.clients.service import ClientService
from jwtapi.sign_in.documentation import example_password
from jwtapi.web.schemas import EXAMPLE_ID
from tests.features.admin_activity.people import add_key, add_mail, administrator
from tests.support.api import Api, sign_in
from tests.support.provoking import Provoke, Request, by, real_path

ADMIN = "/api/admin"
READ = tuple(f"{ADMIN}/{name}" for name in ("events", "events/export", "keys", "clients", "mails", "dashboard"))
CHANGED = (f"{ADMIN}/clients/{{id}}", f"{ADMIN}/mails/{{id}}", f"{ADMIN}/mails/{{id}}/retry")
PATHS = {path: path.format(id=EXAMPLE_ID) for path in CHANGED}
_FIRST = UUID("00000000-0000-4000-8000-000000000001")
_names = (f"of-an-example-{number}" for number in itertools.count())


def by_an_administrator(**request: Any) -> Provoke:
    async def provoke(api: Api, method: str, path: str) -> httpx.Response:
        client = await administrator(api)
        return await client.request(method, real_path(path), **request)

    return provoke


async def until_requests_are_too_many(api: Api, method: str, path: str) -> httpx.Response:
    client = await administrator(api)
    while True:
        response = await client.request(method, real_path(path))
        if response.status_code == 429:
            return response


PROVOKED: dict[str | tuple[str, str], Provoke] = {
    "role_required": by(),
    **{("not_found", path): by_an_administrator() for path in CHANGED},
    # Of somebody without a second factor, where administrators must have one.
    **{("insufficient_user_authentication", path): by_an_administrator() for path in (*READ, *CHANGED)},
    **{("too_many_attempts", path): until_requests_are_too_many for path in (*READ, *CHANGED)},
    **{
        ("validation_failed", f"{ADMIN}/{name}"): by_an_administrator(params={"after": "x"})
        for name in ("events", "events/export", "keys", "mails")
    },
}
SETTINGS: dict[str, dict[str, Any]] = {
    "insufficient_user_authentication": {"mfa_required": "admins"},
    "too_many_attempts": {"admin_rate_limit": "2/15 minutes"},
}


async def list_a_sign_in(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await administrator(api)
    await sign_in(api.client("198.51.100.7"), "ada", example_password(api.services.settings.password_min_length))
    return await client.get(f"{ADMIN}/events", params={"user": "ada", "type": "login.succeeded", "limit": 1})


async def export_csv(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await administrator(api)
    return await client.get(f"{ADMIN}/events/export", params={"user": "ada", "format": "csv"})


async def list_the_newest_key(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await administrator(api)
    api.clock.advance(1)
    await add_key(api, "ada", roles=[])
    return await client.get(f"{ADMIN}/keys", params={"limit": 1})


async def list_clients(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    return await (await administrator(api)).get(f"{ADMIN}/clients")


async def delete_a_client(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    created = await api.services[ClientService].create(next(_names), [Scope.INTROSPECT], COMMAND_LINE)
    return await (await administrator(api)).delete(f"{ADMIN}/clients/{created.client.id}")


async def list_the_first_mail(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await administrator(api)
    await add_mail(api, mail_id=_FIRST)
    return await client.get(f"{ADMIN}/mails", params={"limit": 1})


async def retry_a_mail(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await administrator(api)
    mail = await add_mail(api, failed=True)
    return await client.post(f"{ADMIN}/mails/{mail.id}/retry")


async def delete_a_mail(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    client = await administrator(api)
    mail = await add_mail(api, failed=True)
    return await client.delete(f"{ADMIN}/mails/{mail.id}")


async def read_the_dashboard(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    return await (await administrator(api)).get(f"{ADMIN}/dashboard")


REQUESTS: dict[str, Request] = {
    "listEvents": list_a_sign_in,
    "exportEvents": export_csv,
    "listAllKeys": list_the_newest_key,
    "listClients": list_clients,
    "deleteClient": delete_a_client,
    "listMails": list_the_first_mail,
    "retryMail": retry_a_mail,
    "deleteMail": delete_a_mail,
    "readDashboard": read_the_dashboard,
}
