import asyncio
from collections.abc import Callable

import httpx
import jwt
import pytest

from tests.conftest import JWT_SECRET, RunApi, on_sqlite
from tests.support.api import Api, error_of, sign_in
from tests.support.sessions import add_sessions
from tests.support.statements import sent_by_requests, statements

DEAD = (401, "token_invalid", "Invalid token")
EVERYWHERE = "/logout?everywhere=true"

Shown = Callable[[httpx.AsyncClient, Api], httpx.AsyncClient]


async def alive(*clients: httpx.AsyncClient) -> list[bool]:
    return [(await client.get("/profile")).status_code == 200 for client in clients]


def with_cookie_of(client: httpx.AsyncClient, api: Api) -> httpx.AsyncClient:
    return api.client(Cookie=f"refreshToken={client.cookies['refreshToken']}")


def with_bearer_of(client: httpx.AsyncClient, api: Api) -> httpx.AsyncClient:
    return api.client(Authorization=client.headers["Authorization"])


@pytest.mark.parametrize("shown", (with_cookie_of, with_bearer_of))
async def test_logging_out_everywhere_ends_all_sessions_of_the_user_and_needs_one_of_the_tokens(
    api: Api, alice: httpx.AsyncClient, shown: Shown
) -> None:
    other, bob = await sign_in(api.client()), await api.signed_in("bob")
    response = await shown(alice, api).post(EVERYWHERE)
    assert (response.status_code, response.json()) == (200, {"message": "Logged out"})
    assert response.headers["set-cookie"] == 'refreshToken=""; HttpOnly; Max-Age=0; Path=/; SameSite=strict'
    assert error_of(await alice.get("/profile")) == DEAD
    assert error_of(await other.post("/refresh"))[:2] == (403, "refresh_token_invalid")
    assert await alive(bob) == [True]
    (*_, event) = await api.events()
    assert (event.type, event.session_id, event.details) == ("sessions.revoked", None, {"count": 2})
    assert (await api.event_types()).count("session.revoked") == 0


async def test_logging_out_everywhere_ends_ten_thousand_sessions_with_one_event(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await add_sessions(api, 10_000)
    with statements(api, sent_by_requests) as sent:
        assert (await alice.post(EVERYWHERE)).status_code == 200
    assert len([sql for sql, _ in sent if "UPDATE sessions" in sql and "FROM users" in sql]) == 1
    assert len(sent) < 10
    assert await api.sql("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == [(0,)]
    assert [event.details for event in await api.events()][-1] == {"count": 10_001}


@on_sqlite
@pytest.mark.parametrize("query", ("", "?", "?everywhere=false", "?a=1", "?everywhere2=true", "?a=everywhere=true"))
async def test_without_everywhere_only_one_session_ends(api: Api, alice: httpx.AsyncClient, query: str) -> None:
    other = await sign_in(api.client())
    assert (await alice.post(f"/logout{query}")).json() == {"message": "Logged out"}
    assert await alive(alice, other) == [False, True]


@on_sqlite
@pytest.mark.parametrize(
    "value",
    ("", "=", "=1", "=True", "=yes", "=%74rue", "=true&everywhere=false", "=false&everywhere", "=" + "x" * 9000),
)
async def test_another_value_of_everywhere_is_refused_and_no_session_ends(alice: httpx.AsyncClient, value: str) -> None:
    response = await alice.post(f"/logout?a=1&everywhere{value}")
    assert error_of(response)[:2] == (400, "validation_failed")
    assert response.json()["errors"] == [{"field": "everywhere", "message": "Input should be true or false"}]
    assert await alive(alice) == [True]


async def test_a_used_refresh_token_ends_its_own_session_and_no_other(api: Api, alice: httpx.AsyncClient) -> None:
    other, used = await sign_in(api.client()), with_cookie_of(alice, api)
    for _ in range(2):
        await alice.post("/refresh")
        api.clock.advance(11)
    assert error_of(await used.post(EVERYWHERE))[:2] == (401, "access_token_required")
    assert await alive(alice, other) == [False, True]


async def test_a_refresh_token_whose_answer_was_lost_logs_out_everywhere(api: Api, alice: httpx.AsyncClient) -> None:
    other, before = await sign_in(api.client()), with_cookie_of(alice, api)
    await alice.post("/refresh")
    api.clock.advance(60)
    assert (await before.post(EVERYWHERE)).status_code == 200
    assert await alive(other) == [False]


async def test_an_expired_refresh_token_logs_nobody_out_everywhere(run_api: RunApi) -> None:
    async with run_api(refresh_token_ttl=600) as api:
        alice = await api.signed_in()
        expired = with_cookie_of(alice, api)
        await alice.post("/refresh")
        api.clock.advance(590)
        await alice.post("/refresh")
        other = await sign_in(api.client())
        api.clock.advance(20)
        assert error_of(await expired.post(EVERYWHERE))[0] == 401
        assert await alive(other) == [True]


@pytest.mark.parametrize("shown", (with_cookie_of, with_bearer_of))
async def test_tokens_of_an_ended_session_end_no_other_session(
    api: Api, alice: httpx.AsyncClient, shown: Shown
) -> None:
    leaked, other = shown(alice, api), await sign_in(api.client())
    await alice.post("/logout")
    assert error_of(await leaked.post(EVERYWHERE))[0] == 401
    assert await alive(other) == [True]


async def test_an_expired_access_token_logs_nobody_out_everywhere(api: Api, alice: httpx.AsyncClient) -> None:
    other = await sign_in(api.client())
    api.clock.advance(901)
    assert error_of(await with_bearer_of(alice, api).post(EVERYWHERE)) == DEAD
    assert (await other.post("/refresh")).status_code == 200


async def test_tokens_of_a_disabled_user_cannot_log_out_everywhere(api: Api, alice: httpx.AsyncClient) -> None:
    await api.sql("UPDATE users SET disabled_at = created_at")
    assert error_of(await with_bearer_of(alice, api).post(EVERYWHERE)) == DEAD


async def test_an_access_token_with_the_session_of_somebody_else_logs_nobody_out_everywhere(
    api: Api, alice: httpx.AsyncClient
) -> None:
    bob = await api.signed_in("bob")
    tokens = [client.headers["Authorization"].removeprefix("Bearer ") for client in (alice, bob)]
    of_alice, of_bob = (jwt.decode(token, options={"verify_signature": False}) for token in tokens)
    mixed = jwt.encode(of_alice | {"sid": of_bob["sid"]}, JWT_SECRET, headers={"typ": "at+jwt"})
    assert error_of(await api.client(Authorization=f"Bearer {mixed}").post(EVERYWHERE)) == DEAD
    assert await alive(alice, bob) == [True, True]


async def test_a_valid_access_token_beside_a_used_cookie_logs_out_everywhere(
    api: Api, alice: httpx.AsyncClient
) -> None:
    other, used = await sign_in(api.client()), alice.cookies["refreshToken"]
    for _ in range(2):
        await alice.post("/refresh")
        api.clock.advance(11)
    both = api.client(Cookie=f"refreshToken={used}", Authorization=alice.headers["Authorization"])
    assert (await both.post(EVERYWHERE)).status_code == 200
    assert await alive(alice, other) == [False, False]


async def test_logging_out_everywhere_twice_records_one_event(api: Api, alice: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(with_bearer_of(alice, api).post(EVERYWHERE) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 401}
    assert (await api.event_types()).count("sessions.revoked") == 1


async def test_a_refresh_that_races_with_logging_out_everywhere_leaves_no_session_alive(
    api: Api, alice: httpx.AsyncClient
) -> None:
    clients = [alice, *[await sign_in(api.client()) for _ in range(4)]]
    refreshes = [client.post("/refresh") for client in clients[1:]]
    *answers, ended = await asyncio.gather(*refreshes, alice.post(EVERYWHERE))
    assert ended.status_code == 200
    assert {answer.status_code for answer in answers} <= {200, 403}
    assert await api.sql("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == [(0,)]
    assert await alive(*clients) == [False] * 5
    assert {(await client.post("/refresh")).status_code for client in clients[1:]} == {403}
