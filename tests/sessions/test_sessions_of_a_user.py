"""How many sessions a user can have at once."""

import asyncio
from datetime import timedelta

import httpx

from tests.conftest import RunApi
from tests.support.api import Api, error_of, register, sign_in
from tests.support.sessions import add_sessions

DEAD = (401, "token_invalid", "Invalid token")


async def test_a_login_beyond_the_limit_of_sessions_ends_the_session_refreshed_longest_ago(run_api: RunApi) -> None:
    async with run_api(max_sessions_per_user=3) as api:
        first = await api.signed_in()
        api.clock.advance(60)
        second = await sign_in(api.client())
        api.clock.advance(60)
        third = await sign_in(api.client())
        await first.post("/refresh")
        fourth = await sign_in(api.client())
        assert error_of(await second.get("/profile")) == DEAD
        for client in (first, third, fourth):
            assert (await client.post("/refresh")).status_code == 200
        assert (await api.event_types()).count("session.revoked") == 1


async def test_ended_sessions_and_those_of_other_users_do_not_count_against_the_limit_of_sessions(
    run_api: RunApi,
) -> None:
    async with run_api(max_sessions_per_user=2, refresh_token_ttl=600) as api:
        alice = await api.signed_in()
        bob = await api.signed_in("bob")
        for _ in range(3):
            guest = await sign_in(api.client())
            assert (await guest.post("/logout")).status_code == 200
        assert (await alice.get("/profile")).status_code == 200
        api.clock.advance(601)
        alice, other = [await sign_in(api.client()) for _ in range(2)]
        for client in (alice, other):
            assert (await client.get("/profile")).status_code == 200
        assert error_of(await bob.get("/profile"))[0] == 401  # expired, not ended
        assert "session.revoked" not in await api.event_types("bob")


async def test_simultaneous_logins_leave_no_more_sessions_than_the_limit(run_api: RunApi) -> None:
    async with run_api(max_sessions_per_user=2) as api:
        await register(api.client())
        await asyncio.gather(*(sign_in(api.client()) for _ in range(8)))
        assert await api.sql("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == [(2,)]


async def test_a_login_under_a_lowered_limit_of_sessions_ends_all_but_the_newest(api: Api, run_api: RunApi) -> None:
    await api.signed_in()
    clients: list[httpx.AsyncClient] = []
    for _ in range(4):
        api.clock.advance(1)
        clients.append(await sign_in(api.client()))
    async with run_api(max_sessions_per_user=2) as stricter:
        newest = await sign_in(stricter.client())
        assert await api.sql("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == [(2,)]
        assert (await newest.get("/profile")).status_code == 200
        assert error_of(await clients[0].post("/refresh"))[0] == 403


async def test_a_login_ends_thousands_of_sessions_despite_outdated_statistics_of_the_database(api: Api) -> None:
    alice = await api.signed_in()
    await alice.post("/logout")
    await add_sessions(api, 2000)
    await api.sql("ANALYZE sessions")
    await add_sessions(api, 10_000, revoked_at=None, expires_at=api.clock() + timedelta(days=7))
    await sign_in(api.client())
    assert await api.sql("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == [(100,)]
