import httpx
import pytest

from jwtapi.clients.scopes import Scope
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, register
from tests.support.clients import (
    TestClient,
    new_client,
    refresh_at_token,
    service_token,
    sign_in_at_token,
)


@pytest.fixture(autouse=True)
async def alice_exists(client: httpx.AsyncClient) -> None:
    await register(client, "alice")


async def revoke(api: Api, token: str, client: TestClient | None = None, **form: str) -> httpx.Response:
    auth = client.basic if client is not None else httpx.USE_CLIENT_DEFAULT
    return await api.client().post("/revoke", data={"token": token, **form}, auth=auth)


async def profile(api: Api, tokens: dict[str, str]) -> int:
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return (await api.client().get("/profile", headers=headers)).status_code


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


@pytest.mark.parametrize("kind", ("access_token", "refresh_token"))
@pytest.mark.parametrize("hint", ("access_token", "refresh_token", "nonsense"))
async def test_revoking_a_token_ends_its_session_immediately_and_again_changes_nothing(
    api: Api, kind: str, hint: str
) -> None:
    tokens, others = await sign_in_at_token(api), await sign_in_at_token(api)
    for _ in range(2):
        response = await revoke(api, tokens[kind], token_type_hint=hint)
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["cache-control"] == "no-store"
    assert (await profile(api, tokens), await profile(api, others)) == (401, 200)
    assert (await refresh_at_token(api, tokens["refresh_token"], None)).json()["error"] == "invalid_grant"
    assert (await api.event_types()).count("session.revoked") == 1


async def test_a_used_or_expired_refresh_token_ends_its_session_too(api: Api) -> None:
    first = await sign_in_at_token(api)
    second = (await refresh_at_token(api, first["refresh_token"], None)).json()
    assert (await revoke(api, first["refresh_token"])).status_code == 200
    assert await profile(api, second) == 401
    tokens = await sign_in_at_token(api)
    api.clock.advance(8 * 24 * 3600)
    assert (await revoke(api, tokens["refresh_token"])).status_code == 200


async def test_an_expired_access_token_ends_nothing_because_it_may_be_from_a_log(api: Api) -> None:
    tokens = await sign_in_at_token(api)
    api.clock.advance(900)
    assert (await revoke(api, tokens["access_token"])).status_code == 200
    assert (await refresh_at_token(api, tokens["refresh_token"], None)).status_code == 200


@on_sqlite
@pytest.mark.parametrize("token", ("a.b.c", "x" * 10_000, "ü", "\0", " "))
async def test_a_text_that_is_no_token_is_no_error(api: Api, token: str) -> None:
    assert ((await revoke(api, token)).status_code, await api.event_types()) == (200, ["user.registered"])


async def test_a_service_token_cannot_be_revoked(api: Api) -> None:
    billing = await new_client(api, Scope.INTROSPECT)
    token = await service_token(api, billing)
    assert error(await revoke(api, token)) == (400, "unsupported_token_type")
    assert error(await revoke(api, token, billing)) == (400, "unsupported_token_type")
    api.clock.advance(900)
    assert (await revoke(api, token)).status_code == 200


async def test_public_clients_and_clients_without_the_scope_revoke_what_they_have_unless_clients_are_required(
    api: Api,
) -> None:
    tokens = await sign_in_at_token(api)
    assert (await revoke(api, tokens["access_token"], client_id="any-client")).status_code == 200
    tokens = await sign_in_at_token(api)
    assert (await revoke(api, tokens["access_token"], await new_client(api))).status_code == 200
    assert await profile(api, tokens) == 401


async def test_with_clients_required_a_client_revokes_its_own_sessions_and_with_the_scope_all(run_api: RunApi) -> None:
    async with run_api(clients_required=True) as api:
        shop, desk = await new_client(api, name="shop"), await new_client(api, name="desk")
        guard = await new_client(api, Scope.REVOKE, name="guard")
        for kind in ("access_token", "refresh_token"):
            tokens = await sign_in_at_token(api, shop)
            assert error(await revoke(api, tokens[kind])) == (401, "invalid_client")
            assert error(await revoke(api, tokens[kind], client_id=str(shop.id))) == (401, "invalid_client")
            assert error(await revoke(api, tokens[kind], desk)) == (403, "insufficient_scope")
            assert await profile(api, tokens) == 200
            assert (await revoke(api, tokens[kind], shop)).status_code == 200
            assert await profile(api, tokens) == 401
            assert error(await revoke(api, tokens[kind], desk)) == (403, "insufficient_scope")  # it states nothing new
            tokens = await sign_in_at_token(api, shop)
            assert (await revoke(api, tokens[kind], guard)).status_code == 200
            assert await profile(api, tokens) == 401
        by_cookie = await api.client().post("/login", json={"username": "alice", "password": PASSWORD})
        assert error(await revoke(api, by_cookie.json()["accessToken"], desk)) == (403, "insufficient_scope")
        assert (await revoke(api, "a.b.c", desk)).status_code == 200
