"""Clients of OAuth2, and what tests ask as them."""

from dataclasses import dataclass
from uuid import UUID

import httpx

from jwtapi.caller import COMMAND_LINE
from jwtapi.clients.scopes import Scope
from jwtapi.clients.service import ClientService
from tests.support.api import PASSWORD, Api


@dataclass(frozen=True)
class TestClient:
    """A client that exists, with its secret in plain text."""

    __test__ = False

    name: str
    id: UUID
    secret: str

    @property
    def basic(self) -> tuple[str, str]:
        """For the argument `auth` of a request."""
        return str(self.id), self.secret

    @property
    def form(self) -> dict[str, str]:
        return {"client_id": str(self.id), "client_secret": self.secret}


async def new_client(api: Api, *scopes: Scope, name: str = "billing") -> TestClient:
    new = await api.services[ClientService].create(name, scopes, COMMAND_LINE)
    return TestClient(name, new.client.id, new.secret)


async def delete_client(api: Api, client: TestClient) -> None:
    await api.services[ClientService].delete(client.name, COMMAND_LINE)


async def service_token(api: Api, client: TestClient, **form: str) -> str:
    response = await api.client().post("/token", data={"grant_type": "client_credentials", **form}, auth=client.basic)
    assert response.status_code == 200, response.text
    token: str = response.json()["access_token"]
    return token


async def sign_in_at_token(api: Api, client: TestClient | None = None) -> dict[str, str]:
    """Sign alice in at `/token`, and return the answer."""
    auth = client.basic if client is not None else httpx.USE_CLIENT_DEFAULT
    form = {"grant_type": "password", "username": "alice", "password": PASSWORD}
    response = await api.client().post("/token", data=form, auth=auth)
    assert response.status_code == 200, response.text
    tokens: dict[str, str] = response.json()
    return tokens


async def refresh_at_token(api: Api, refresh_token: str, client: TestClient | None) -> httpx.Response:
    auth = client.basic if client is not None else httpx.USE_CLIENT_DEFAULT
    return await api.client().post(
        "/token", data={"grant_type": "refresh_token", "refresh_token": refresh_token}, auth=auth
    )
