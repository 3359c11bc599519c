"""How to provoke the errors of the endpoints of OAuth2."""

import httpx

from jwtapi.clients.scopes import Scope
from tests.support.api import Api
from tests.support.clients import new_client, service_token
from tests.support.provoking import RIGHT, Provoke, alice, by

FORM = {"grant_type": "password", **RIGHT}
ASK = {"token": "a.b.c"}
NOBODY = ("nobody", "wrong")


async def client_of(api: Api, scope: Scope) -> tuple[str, str]:
    """The id and the secret of a client that has this scope. Each call makes one."""
    number = (await api.sql("SELECT count(*) FROM clients"))[0][0]
    return (await new_client(api, scope, name=f"client-{number}")).basic


def by_client(scope: Scope, data: dict[str, str]) -> Provoke:
    async def provoke(api: Api, method: str, path: str) -> httpx.Response:
        return await api.client().request(method, path, data=data, auth=await client_of(api, scope))

    return provoke


async def with_a_service_token(api: Api, method: str, path: str) -> httpx.Response:
    number = (await api.sql("SELECT count(*) FROM clients"))[0][0]
    token = await service_token(api, await new_client(api, Scope.INTROSPECT, name=f"client-{number}"))
    return await api.client().request(method, path, data={"token": token})


async def with_an_expired_service_token(api: Api, method: str, path: str) -> httpx.Response:
    number = (await api.sql("SELECT count(*) FROM clients"))[0][0]
    token = await service_token(api, await new_client(api, Scope.INTROSPECT, name=f"client-{number}"))
    api.clock.advance(901)
    headers = {"Authorization": f"Bearer {token}"}
    return await api.client().request(method, path, data=ASK, headers=headers)


async def with_an_invalid_service_token(api: Api, method: str, path: str) -> httpx.Response:
    return await api.client().request(method, path, data=ASK, headers={"Authorization": "Bearer a.b.c"})


async def by_another_client(api: Api, method: str, path: str) -> httpx.Response:
    """Revoke the session of a user who has signed in by cookie, as a client without the scope."""
    token = (await alice(api)).headers["Authorization"].removeprefix("Bearer ")
    auth = await client_of(api, Scope.INTROSPECT)
    return await api.client().request(method, path, data={"token": token}, auth=auth)


async def introspect(api: Api, client: httpx.AsyncClient) -> httpx.Response:
    token = client.headers["Authorization"].removeprefix("Bearer ")
    auth = await client_of(api, Scope.INTROSPECT)
    return await api.client().post("/introspect", data={"token": token}, auth=auth)


PROVOKED = {
    "invalid_request": by(data=FORM | {"username": ""}),
    ("invalid_request", "/introspect"): by_client(Scope.INTROSPECT, {"x": "y"}),
    ("invalid_request", "/revoke"): by(data={"x": "y"}),
    "invalid_grant": by(data=FORM | {"password": "wrong"}),
    "unsupported_grant_type": by(data={"grant_type": "implicit"}),
    "invalid_scope": by_client(Scope.INTROSPECT, {"grant_type": "client_credentials", "scope": "all"}),
    "invalid_client": by(data={"grant_type": "client_credentials", **ASK}, auth=NOBODY),
    "insufficient_scope": by_another_client,
    ("insufficient_scope", "/introspect"): by_client(Scope.REVOKE, ASK),
    "unsupported_token_type": with_a_service_token,
    ("token_expired", "/introspect"): with_an_expired_service_token,
    ("token_invalid", "/introspect"): with_an_invalid_service_token,
}
SETTINGS = {"insufficient_scope": {"clients_required": True}}
BODIES = {
    "/introspect": {"data": ASK, "auth": NOBODY},
    "/revoke": {"data": ASK, "auth": NOBODY},
}
REQUESTS = {"introspect": introspect}
