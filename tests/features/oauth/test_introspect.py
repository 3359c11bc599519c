import asyncio
import time
import warnings
from typing import Any

import httpx
import jwt
import pytest

from jwtapi.clients.scopes import Scope
from jwtapi.errors import StorageUnavailable
from jwtapi.sessions.cache import SessionCache
from jwtapi.storage.database import Database
from tests.conftest import RunApi, on_sqlite
from tests.support.api import BASE_URL, PASSWORD, Api, register
from tests.support.clients import (
    TestClient,
    delete_client,
    new_client,
    service_token,
    sign_in_at_token,
)
from tests.support.statements import sent_by_requests, statements

with warnings.catch_warnings(record=True):  # it prefers another HTTP client, and insists on saying so
    from authlib.integrations.httpx_client import AsyncOAuth2Client

INACTIVE = b'{"active":false}'


@pytest.fixture
async def billing(api: Api) -> TestClient:
    await register(api.client(), "alice")
    return await new_client(api, Scope.INTROSPECT)


async def ask(api: Api, client: TestClient, token: str, **form: str) -> httpx.Response:
    response = await api.client().post("/introspect", data={"token": token, **form}, auth=client.basic)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    return response


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def test_an_access_token_is_active_with_what_the_token_says(api: Api, billing: TestClient) -> None:
    await api.set_roles("editor")
    token = (await sign_in_at_token(api))["access_token"]
    claims = claims_of(token)
    assert (await ask(api, billing, token)).json() == {
        "active": True,
        "client_id": "jwtapi",
        "username": "alice",
        "token_type": "Bearer",
        "exp": claims["exp"],
        "iat": claims["iat"],
        "sub": str((await api.user()).id),
        "iss": "jwtapi",
        "jti": claims["jti"],
        "sid": claims["sid"],
        "roles": ["editor"],
        "amr": ["pwd"],
        "auth_time": claims["auth_time"],
    }


@pytest.mark.parametrize("algorithm", ("ES256", "EdDSA", "RS256"))
async def test_a_token_of_a_key_pair_is_active_with_its_audience(run_api: RunApi, algorithm: str) -> None:
    async with run_api(signing_algorithm=algorithm, public_url="https://auth.example.com") as api:
        await register(api.client(), "alice")
        billing = await new_client(api, Scope.INTROSPECT)
        for token in ((await sign_in_at_token(api))["access_token"], await service_token(api, billing)):
            body = (await ask(api, billing, token)).json()
            assert body["active"]
            assert body["iss"] == body["aud"] == "https://auth.example.com"


@on_sqlite
@pytest.mark.parametrize("hint", ("access_token", "refresh_token", "nonsense", ""))
async def test_the_hint_of_the_type_changes_nothing(api: Api, billing: TestClient, hint: str) -> None:
    tokens = await sign_in_at_token(api)
    assert (await ask(api, billing, tokens["access_token"], token_type_hint=hint)).json()["active"]
    assert (await ask(api, billing, tokens["refresh_token"], token_type_hint=hint)).content == INACTIVE


async def test_a_service_token_is_active_until_its_client_is_deleted(api: Api, billing: TestClient) -> None:
    other = await new_client(api, Scope.REVOKE, Scope.REVOCATIONS, name="other")
    token = await service_token(api, other)
    claims = claims_of(token)
    assert (await ask(api, billing, token)).json() == {
        "active": True,
        "scope": "revoke revocations",
        "client_id": str(other.id),
        "token_type": "Bearer",
        "exp": claims["exp"],
        "iat": claims["iat"],
        "sub": str(other.id),
        "iss": "jwtapi",
        "jti": claims["jti"],
    }
    await delete_client(api, other)
    assert (await ask(api, billing, token)).content == INACTIVE


async def test_every_other_token_gets_the_same_bytes(api: Api, billing: TestClient) -> None:
    good = await sign_in_at_token(api)
    token = good["access_token"]
    header, payload, signature = token.split(".")
    expired = await sign_in_at_token(api)
    api.clock.advance(900)
    live = await api.client().post("/login", json={"username": "alice", "password": PASSWORD})
    device = next(value for name, value in live.cookies.items() if name != "refreshToken")
    for text in (
        good["refresh_token"],
        expired["access_token"],
        expired["refresh_token"],
        device,
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature}x",
        f"{payload}.{payload}.{signature}",
        jwt.encode(claims_of(token), "another secret of thirty-two bytes", headers={"typ": "at+jwt"}),
        "a.b.c",
        "…",
        "\0",
        " ",
        "x" * 10_000,
    ):
        response = await ask(api, billing, text)
        assert (response.status_code, response.content) == (200, INACTIVE), text


@pytest.mark.parametrize("what", ("logout", "disabled", "deleted", "roles", "password"))
async def test_a_token_is_inactive_from_the_moment_when_endpoints_refuse_it(
    run_api: RunApi, api: Api, billing: TestClient, what: str
) -> None:
    tokens = await sign_in_at_token(api)
    async with run_api(database_url=api.services.settings.database_url.get_secret_value()) as other:
        assert (await ask(api, billing, tokens["access_token"])).json()["active"]
        assert (await ask(other, billing, tokens["access_token"])).json()["active"]
        match what:
            case "logout":
                bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
                await other.client().post("/logout", headers=bearer)
            case "disabled":
                await other.disable()
            case "deleted":
                await other.delete()
            case "roles":
                await other.set_roles("editor")
            case _:
                await other.set_password("another correct horse")
        assert (await ask(other, billing, tokens["access_token"])).content == INACTIVE
        async with asyncio.timeout(5):
            while (await ask(api, billing, tokens["access_token"])).content != INACTIVE:
                await asyncio.sleep(0.01)


async def test_a_token_that_was_asked_about_costs_no_query_but_that_of_the_client(
    api: Api, billing: TestClient
) -> None:
    token = (await sign_in_at_token(api))["access_token"]
    async with asyncio.timeout(5):
        while not api.services[SessionCache].is_live():
            await asyncio.sleep(0.01)
    await ask(api, billing, token)
    with statements(api, sent_by_requests) as sent:
        assert (await ask(api, billing, token)).json()["active"]
    assert len([each for each in sent if "clients" in each.sql]) == 1
    assert not [each for each in sent if "sessions" in each.sql]


async def test_without_the_database_nothing_is_said_of_a_token(
    api: Api, billing: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await sign_in_at_token(api))["access_token"]

    async def fail(*_: Any, **__: Any) -> None:
        raise StorageUnavailable

    monkeypatch.setattr(Database, "read", fail)
    response = await api.client().post("/introspect", data={"token": token}, auth=billing.basic)
    assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
    assert "retry-after" in response.headers


async def test_an_oauth2_library_gets_a_service_token_and_introspects_and_revokes(api: Api) -> None:
    await register(api.client(), "alice")
    billing = await new_client(api, Scope.INTROSPECT, Scope.REVOKE)
    for method in ("client_secret_basic", "client_secret_post"):
        tokens = await sign_in_at_token(api)
        async with AsyncOAuth2Client(
            str(billing.id),
            billing.secret,
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
            transport=httpx.ASGITransport(api.app),
            base_url=BASE_URL,
        ) as oauth:
            got = await oauth.fetch_token(f"{BASE_URL}/token", grant_type="client_credentials", scope="introspect")
            assert got["scope"] == "introspect"
            assert got["expires_at"] > time.time()
            answer = await oauth.introspect_token(f"{BASE_URL}/introspect", token=tokens["access_token"])
            assert answer.json()["username"] == "alice"
            answer = await oauth.revoke_token(f"{BASE_URL}/revoke", token=tokens["refresh_token"])
            assert (answer.status_code, answer.content) == (200, b"")
            answer = await oauth.introspect_token(f"{BASE_URL}/introspect", token=tokens["access_token"])
            assert answer.json() == {"active": False}
