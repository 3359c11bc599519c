import httpx
import jwt
import pytest

from jwtapi.clients.scopes import Scope
from tests.conftest import on_sqlite
from tests.support.api import Api
from tests.support.clients import TestClient, new_client


@pytest.fixture
async def billing(api: Api) -> TestClient:
    return await new_client(api, Scope.INTROSPECT, Scope.REVOKE)


async def ask(client: httpx.AsyncClient, billing: TestClient, **form: str) -> httpx.Response:
    return await client.post("/token", data={"grant_type": "client_credentials", **form}, auth=billing.basic)


async def test_a_client_gets_a_token_of_its_own_without_a_refresh_token(
    client: httpx.AsyncClient, billing: TestClient
) -> None:
    response = await ask(client, billing)
    body = response.json()
    assert list(body) == ["access_token", "token_type", "expires_in", "scope"]
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("bearer", 900, "introspect revoke")
    assert response.headers["cache-control"] == "no-store"
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert claims.keys() == {"iss", "sub", "client_id", "scope", "jti", "iat", "exp"}
    assert claims["sub"] == claims["client_id"] == str(billing.id)
    assert claims["exp"] - claims["iat"] == 900


@on_sqlite
@pytest.mark.parametrize(
    ("scope", "granted"),
    (
        ("", "introspect revoke"),
        ("revoke", "revoke"),
        ("revoke introspect", "introspect revoke"),
        ("revoke revoke", "revoke"),
    ),
)
async def test_a_client_gets_the_scopes_that_it_asks_for(
    client: httpx.AsyncClient, billing: TestClient, scope: str, granted: str
) -> None:
    assert (await ask(client, billing, scope=scope)).json()["scope"] == granted


@on_sqlite
@pytest.mark.parametrize("scope", ("revocations", "revoke revocations", "all", "revoke ", " ", "REVOKE", "revoke\0"))
async def test_a_scope_that_the_client_does_not_have_is_refused(
    client: httpx.AsyncClient, billing: TestClient, scope: str
) -> None:
    response = await ask(client, billing, scope=scope)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


async def test_a_client_without_scopes_gets_a_token_without_scopes(api: Api, client: httpx.AsyncClient) -> None:
    shop = await new_client(api, name="shop")
    body = (await ask(client, shop)).json()
    assert body.keys() == {"access_token", "token_type", "expires_in"}
    assert "scope" not in jwt.decode(body["access_token"], options={"verify_signature": False})
    assert (await ask(client, shop, scope="introspect")).json()["error"] == "invalid_scope"
