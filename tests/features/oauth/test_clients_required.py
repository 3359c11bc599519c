import asyncio
from collections.abc import AsyncIterator

import httpx
import jwt
import pytest

from jwtapi.sign_in.passwords import PasswordProver
from tests.conftest import RunApi
from tests.support.api import PASSWORD, Api, register
from tests.support.clients import (
    TestClient,
    delete_client,
    new_client,
    refresh_at_token,
    sign_in_at_token,
)

WRONG = "jwtapi_" + "A" * 43


@pytest.fixture
async def strict(run_api: RunApi) -> AsyncIterator[Api]:
    """An API with CLIENTS_REQUIRED, and alice."""
    async with run_api(clients_required=True) as api:
        await register(api.client(), "alice")
        yield api


@pytest.fixture
async def shop(strict: Api) -> TestClient:
    return await new_client(strict, name="shop")


@pytest.fixture
async def desk(strict: Api) -> TestClient:
    return await new_client(strict, name="desk")


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def cookie(refresh_token: str) -> dict[str, str]:
    return {"Cookie": f"refreshToken={refresh_token}"}


async def test_a_user_signs_in_and_refreshes_only_through_a_client(strict: Api, shop: TestClient) -> None:
    forms = (
        {"grant_type": "password", "username": "alice", "password": PASSWORD},
        {"grant_type": "refresh_token", "refresh_token": (await sign_in_at_token(strict, shop))["refresh_token"]},
    )
    for form in forms:
        for public in ({}, {"client_id": str(shop.id)}, {"client_id": str(shop.id), "client_secret": WRONG}):
            assert error(await strict.client().post("/token", data=form | public)) == (401, "invalid_client")
    tokens = await sign_in_at_token(strict, shop)
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["client_id"] == str(shop.id)
    again = (await refresh_at_token(strict, tokens["refresh_token"], shop)).json()
    claims = jwt.decode(again["access_token"], options={"verify_signature": False})
    assert claims["client_id"] == str(shop.id)
    headers = {"Authorization": f"Bearer {again['access_token']}"}
    assert (await strict.client().get("/profile", headers=headers)).status_code == 200


async def test_without_a_client_no_password_is_looked_at(strict: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PasswordProver, "prove", None)
    form = {"grant_type": "password", "username": "alice", "password": PASSWORD}
    assert error(await strict.client().post("/token", data=form)) == (401, "invalid_client")


@pytest.mark.parametrize("is_key_known", (True, False))
async def test_a_refresh_token_of_one_client_works_with_no_other_and_not_as_a_cookie(
    run_api: RunApi, strict: Api, shop: TestClient, desk: TestClient, *, is_key_known: bool
) -> None:
    first = (await sign_in_at_token(strict, shop))["refresh_token"]
    second = (await refresh_at_token(strict, first, shop)).json()["refresh_token"]
    strict.clock.advance(60)
    url = strict.services.settings.database_url.get_secret_value()
    async with run_api(clients_required=True, database_url=url) as fresh:
        fresh.clock.advance(60)
        api = strict if is_key_known else fresh
        before = await strict.sql("SELECT * FROM sessions")
        events = await strict.event_types()
        for token in (second, first):  # the present one, and one that would count as reuse with its own client
            assert error(await refresh_at_token(api, token, desk)) == (400, "invalid_grant")
            response = await api.client().post("/refresh", headers=cookie(token))
            assert (response.status_code, response.json()["code"]) == (403, "refresh_token_invalid")
        assert await strict.sql("SELECT * FROM sessions") == before
        assert await strict.event_types() == events
        assert (await refresh_at_token(api, second, shop)).status_code == 200


async def test_the_grace_for_lost_answers_is_only_for_the_client_of_the_session(
    strict: Api, shop: TestClient, desk: TestClient
) -> None:
    first = (await sign_in_at_token(strict, shop))["refresh_token"]
    second = (await refresh_at_token(strict, first, shop)).json()["refresh_token"]
    assert error(await refresh_at_token(strict, first, desk)) == (400, "invalid_grant")
    assert (await refresh_at_token(strict, first, shop)).json()["refresh_token"] == second


async def test_a_used_token_of_a_client_still_ends_the_session_when_the_client_sends_it(
    strict: Api, shop: TestClient
) -> None:
    first = (await sign_in_at_token(strict, shop))["refresh_token"]
    second = (await refresh_at_token(strict, first, shop)).json()["refresh_token"]
    third = (await refresh_at_token(strict, second, shop)).json()["refresh_token"]
    strict.clock.advance(60)
    assert error(await refresh_at_token(strict, first, shop)) == (400, "invalid_grant")
    assert error(await refresh_at_token(strict, third, shop)) == (400, "invalid_grant")
    assert "session.refresh_token_reused" in await strict.event_types()


async def test_of_simultaneous_refreshes_by_two_clients_only_those_of_the_right_one_move_the_session(
    strict: Api, shop: TestClient, desk: TestClient
) -> None:
    for _ in range(5):
        token = (await sign_in_at_token(strict, shop))["refresh_token"]
        answers = await asyncio.gather(
            *(refresh_at_token(strict, token, client) for client in (desk, shop, desk, shop, desk))
        )
        assert [answer.status_code for answer in answers] == [400, 200, 400, 200, 400]
        assert answers[1].json()["refresh_token"] == answers[3].json()["refresh_token"]
    assert "session.refresh_token_reused" not in await strict.event_types()


async def test_a_session_without_a_client_can_be_refreshed_by_any_client_and_as_a_cookie(
    strict: Api, shop: TestClient, desk: TestClient
) -> None:
    browser = strict.client()
    await browser.post("/login", json={"username": "alice", "password": PASSWORD})
    token = browser.cookies["refreshToken"]
    token = (await refresh_at_token(strict, token, shop)).json()["refresh_token"]
    token = (await refresh_at_token(strict, token, desk)).json()["refresh_token"]
    assert (await strict.client().post("/refresh", headers=cookie(token))).status_code == 200


async def test_the_sessions_of_a_deleted_client_can_be_refreshed_by_nobody(
    strict: Api, shop: TestClient, desk: TestClient
) -> None:
    token = (await sign_in_at_token(strict, shop))["refresh_token"]
    await delete_client(strict, shop)
    assert error(await refresh_at_token(strict, token, shop)) == (401, "invalid_client")
    namesake = await new_client(strict, name="shop")
    for client in (namesake, desk):
        assert error(await refresh_at_token(strict, token, client)) == (400, "invalid_grant")
    assert (await strict.client().post("/refresh", headers=cookie(token))).status_code == 403


async def test_requests_that_overlap_the_deletion_of_their_client_are_answered_as_before_or_as_after_it(
    strict: Api,
) -> None:
    for _ in range(5):
        shop = await new_client(strict, name="shop")
        token = (await sign_in_at_token(strict, shop))["refresh_token"]
        refreshes = [refresh_at_token(strict, token, shop) for _ in range(4)]
        *answers, _ = await asyncio.gather(*refreshes[:2], delete_client(strict, shop), *refreshes[2:])
        statuses = {answer.status_code for answer in answers if answer is not None}
        assert statuses <= {200, 401}
        assert error(await refresh_at_token(strict, token, shop)) == (401, "invalid_client")


async def test_a_token_of_a_client_signs_out_as_a_cookie_but_not_everywhere(strict: Api, shop: TestClient) -> None:
    tokens, others = await sign_in_at_token(strict, shop), await sign_in_at_token(strict, shop)
    response = await strict.client().post("/logout?everywhere=true", headers=cookie(tokens["refresh_token"]))
    assert (response.status_code, response.json()["code"]) == (401, "access_token_required")
    assert error(await refresh_at_token(strict, tokens["refresh_token"], shop)) == (400, "invalid_grant")
    assert (await refresh_at_token(strict, others["refresh_token"], shop)).status_code == 200


async def test_the_export_of_an_account_names_the_client_of_a_session(strict: Api, shop: TestClient) -> None:
    tokens = await sign_in_at_token(strict, shop)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    exported = (await strict.client().get("/api/account/export", headers=headers)).json()
    assert str(shop.id) in str(exported)


async def test_without_the_setting_credentials_of_clients_do_not_matter_and_bind_nothing(
    api: Api, client: httpx.AsyncClient
) -> None:
    await register(client, "alice")
    shop = await new_client(api, name="shop")
    tokens = await sign_in_at_token(api, shop)
    assert list(tokens) == ["access_token", "token_type", "expires_in", "refresh_token"]
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["client_id"] == "jwtapi"
    assert await api.sql("SELECT client_id FROM sessions") == [(None,)]
    wrong = TestClient("wrong", shop.id, WRONG)
    token = (await refresh_at_token(api, tokens["refresh_token"], wrong)).json()["refresh_token"]
    twice = {"grant_type": "refresh_token", "refresh_token": token, **shop.form}
    assert (await client.post("/token", data=twice, auth=shop.basic)).status_code == 200
