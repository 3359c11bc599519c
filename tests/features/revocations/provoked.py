"""How to provoke the errors of the feed, and a request whose answer has one entry of each kind."""

import itertools
from typing import Any

import httpx
import pytest

from jwtapi.caller import COMMAND_LINE
from jwtapi.clients.scopes import Scope
from jwtapi.clients.service import ClientService
from jwtapi.errors import StorageUnavailable
from jwtapi.sign_in.documentation import example_password
from jwtapi.signing.events import SIGNING_KEY_REVOKED
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event
from tests.support.api import Api, register, sign_in
from tests.support.provoking import Provoke, Request, by_nobody
from tests.support.revocations import service_client

PATH = "/revocations"
_names = (f"service-{number}" for number in itertools.count())


def by_a_service(*scopes: Scope, **request: Any) -> Provoke:
    """Provoke an error by this request of a service with these rights."""

    async def provoke(api: Api, method: str, path: str) -> httpx.Response:
        client = await service_client(api, *scopes, name=next(_names))
        return await client.request(method, path, **request)

    return provoke


async def by_an_old_token(api: Api, method: str, path: str) -> httpx.Response:
    clients = api.services[ClientService]
    created = await clients.create(next(_names), [Scope.REVOCATIONS], COMMAND_LINE)
    token = clients.issue_token(created.client, [Scope.REVOCATIONS]).access_token
    api.clock.advance(901)
    return await api.client(Authorization=f"Bearer {token}").request(method, path)


async def until_secrets_are_too_many(api: Api, method: str, path: str) -> httpx.Response:
    client = api.client()
    while True:
        response = await client.request(method, path, auth=("x", "wrong"))
        if response.status_code == 429:
            return response


async def with_no_place_to_wait(api: Api, method: str, path: str) -> httpx.Response:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jwtapi.features.revocations.service.MAX_WAITING", 0)
        return await by_a_service(Scope.REVOCATIONS, params={"wait": 1})(api, method, path)


async def without_a_database(api: Api, method: str, path: str) -> httpx.Response:
    client = await service_client(api, name=next(_names))

    async def fail(*_: Any) -> Any:
        raise StorageUnavailable

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "read", fail)
        return await client.request(method, path)


PROVOKED: dict[str | tuple[str, str], Provoke] = {
    "too_many_waiting": with_no_place_to_wait,
    ("invalid_client", PATH): by_nobody(),
    ("insufficient_scope", PATH): by_a_service(Scope.INTROSPECT),
    ("invalid_request", PATH): by_nobody(headers=[("Authorization", "Bearer a.b.c"), ("Authorization", "Basic x")]),
    ("validation_failed", PATH): by_a_service(Scope.REVOCATIONS, params={"wait": 31}),
    ("token_expired", PATH): by_an_old_token,
    ("token_invalid", PATH): by_nobody(headers={"Authorization": "Bearer a.b.c"}),
    ("too_many_attempts", PATH): until_secrets_are_too_many,
    ("storage_unavailable", PATH): without_a_database,
}


async def follow(api: Api, _: httpx.AsyncClient) -> httpx.Response:
    """Ask what is new after a session, a user, a client and a key were revoked."""
    password = example_password(api.services.settings.password_min_length)
    client = await service_client(api, name=next(_names))
    cursor = (await client.get(PATH)).json()["cursor"]
    erin = api.client()
    await register(erin, "erin", password)
    await (await sign_in(erin, "erin", password)).post("/logout")
    await api.set_roles("staff", username="erin")
    clients, name = api.services[ClientService], next(_names)
    await clients.create(name, [], COMMAND_LINE)
    await clients.delete(name, COMMAND_LINE)
    revoked = Event(0, api.clock(), SIGNING_KEY_REVOKED.name, None, None, None, None, details={"kid": "a-key"})
    await api.services[Database].write(lambda uow: uow.events.add(revoked))
    return await client.get(PATH, params={"after": cursor})


REQUESTS: dict[str, Request] = {"revocations": follow}
