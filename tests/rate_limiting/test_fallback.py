import asyncio

import pytest
import structlog

from jwtapi.metrics import Metrics
from jwtapi.security.passwords import PasswordHasher
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, register
from tests.support.redis import OwnRedis, own_redis

pytestmark = on_sqlite


async def guess(api: Api, times: int) -> list[int]:
    client = api.client()
    body = {"username": "nobody", "password": "x"}
    return [(await client.post("/login", json=body)).status_code for _ in range(times)]


def is_down(api: Api) -> bool:
    return "jwtapi_redis_down 1.0" in api.services[Metrics].exposition().decode()


async def test_limits_are_shared_through_redis(run_api: RunApi, redis: OwnRedis) -> None:
    settings = {"rate_limit_enabled": True, "rate_limit_storage_uri": redis.uri, "login_rate_limit": "2/hour"}
    async with run_api(**settings) as one, run_api(**settings) as another:
        assert await guess(one, 1) == [401]
        assert await guess(another, 2) == [401, 429]
        assert await guess(one, 1) == [429]
        assert await one.sql("SELECT count(*) FROM rate_limits") == [(0,)]


@pytest.mark.parametrize("how", ("stopped", "frozen"))
async def test_without_redis_limits_are_counted_in_the_database_until_it_is_back(run_api: RunApi, how: str) -> None:
    with own_redis() as redis:
        settings = {"rate_limit_enabled": True, "rate_limit_storage_uri": redis.uri, "login_rate_limit": "2/hour"}
        async with run_api(**settings) as api:
            assert await guess(api, 1) == [401]
            (redis.stop if how == "stopped" else redis.freeze)()
            with structlog.testing.capture_logs() as logs:
                assert await guess(api, 3) == [401, 401, 429]
            warnings = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
            assert warnings.count("Redis does not answer, limits are counted in the database") == 1
            assert is_down(api)
            assert await api.sql("SELECT count(*) FROM rate_limits") == [(2,)]
            (redis.start if how == "stopped" else redis.thaw)()
            while is_down(api):
                await asyncio.sleep(0.01)


async def test_limits_are_counted_in_the_database_while_redis_cannot_count(run_api: RunApi) -> None:
    with own_redis() as redis:
        settings = {"rate_limit_enabled": True, "rate_limit_storage_uri": redis.uri, "login_rate_limit": "20/hour"}
        async with run_api(**settings) as api:
            redis.limit_memory("1")
            with structlog.testing.capture_logs() as logs:
                assert await guess(api, 10) == [401] * 10
            assert [entry["log_level"] for entry in logs].count("warning") == 1
            assert is_down(api)
            redis.limit_memory("0")
            while is_down(api):
                await asyncio.sleep(0.01)


async def test_a_closed_api_does_not_ask_for_redis_any_more(run_api: RunApi) -> None:
    with own_redis() as redis:
        async with run_api(rate_limit_enabled=True, rate_limit_storage_uri=redis.uri) as api:
            redis.freeze()
            await guess(api, 1)
            assert is_down(api)
            await asyncio.sleep(0)  # it has begun to ask
        assert [task for task in asyncio.all_tasks() if "_wait_for_redis" in repr(task)] == []
        redis.thaw()


async def test_simultaneous_logins_share_a_few_connections_to_redis(run_api: RunApi, redis: OwnRedis) -> None:
    settings = {
        "rate_limit_enabled": True,
        "rate_limit_storage_uri": redis.uri,
        "login_rate_limit": "1000/hour",
        "account_rate_limit": "1000/hour",
    }
    async with run_api(**settings) as api:
        assert await asyncio.gather(*(guess(api, 1) for _ in range(30))) == [[401]] * 30
        assert 1 <= redis.connections() <= 20
        assert not is_down(api)


async def test_a_successful_login_while_redis_is_away_clears_the_failures(run_api: RunApi) -> None:
    with own_redis() as redis:
        async with run_api(rate_limit_enabled=True, rate_limit_storage_uri=redis.uri) as api:
            alice = await api.signed_in()
            redis.stop()
            await alice.post("/login", json={"username": "alice", "password": "wrong"})
            await alice.post("/login", json={"username": "alice", "password": "correct horse battery staple"})
            assert await api.sql("SELECT count(*) FROM rate_limits WHERE key LIKE '%account%'") == [(0,)]


async def test_a_login_succeeds_although_redis_dies_after_the_count(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_redis() as redis:
        async with run_api(rate_limit_enabled=True, rate_limit_storage_uri=redis.uri) as api:
            await api.signed_in()
            verify = api.services[PasswordHasher].verify

            async def verify_and_stop(password: str, password_hash: str | None) -> bool:
                redis.stop()
                return await verify(password, password_hash)

            monkeypatch.setattr(type(api.services[PasswordHasher]), "verify", lambda _, *given: verify_and_stop(*given))
            body = {"username": "alice", "password": "correct horse battery staple"}
            assert (await api.client().post("/login", json=body)).status_code == 200
            assert is_down(api)


@pytest.mark.parametrize("counted_in", ("redis", "database"))
async def test_an_attempt_that_redis_counted_is_not_taken_back_in_the_database(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch, counted_in: str
) -> None:
    """A right login, during which Redis goes away or comes back."""
    right = {"username": "alice", "password": PASSWORD}
    with own_redis() as redis:
        settings = {"rate_limit_storage_uri": redis.uri, "login_rate_limit": "3/hour", "account_rate_limit": "99/hour"}
        async with run_api(rate_limit_enabled=True, login_rate_limit_spares_success=True, **settings) as api:
            await register(api.client())
            if counted_in == "database":
                redis.stop()
            assert await guess(api, 2) == [401] * 2
            verify = api.services[PasswordHasher].verify

            async def verify_meanwhile(password: str, password_hash: str | None) -> bool:
                monkeypatch.undo()
                if counted_in == "redis":
                    redis.stop()
                    assert await guess(api, 1) == [401]
                else:
                    redis.start()
                    while is_down(api):
                        await asyncio.sleep(0.01)
                return await verify(password, password_hash)

            monkeypatch.setattr(
                type(api.services[PasswordHasher]), "verify", lambda _, *given: verify_meanwhile(*given)
            )
            assert (await api.client().post("/login", json=right)).status_code == 200
            hits = await api.sql("SELECT json_array_length(hits) FROM rate_limits WHERE key LIKE '%/login/%'")
            assert hits == [(1 if counted_in == "redis" else 2,)]
