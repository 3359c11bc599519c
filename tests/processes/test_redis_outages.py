"""Redis is stopped and frozen while clients work: logins go on, and who only shows a token notices nothing."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from tests.support.api import PASSWORD, register, sign_in
from tests.support.redis import own_redis
from tests.support.server import running_server

MOST_SECONDS = 0.1
"""For 99 of 100 requests to /profile."""


async def seconds_of_profile(client: httpx.AsyncClient) -> float:
    started = time.monotonic()
    assert (await client.get("/profile")).status_code == 200
    return time.monotonic() - started


@pytest.mark.parametrize("how", ("stopped", "frozen"))
async def test_logins_work_and_profiles_do_not_wait_while_redis_is_away(tmp_path: Path, how: str) -> None:
    with own_redis() as redis:
        settings = {"RATE_LIMIT_STORAGE_URI": redis.uri, "LOGIN_RATE_LIMIT": "1000/minute", "METRICS_ENABLED": "true"}
        with running_server(tmp_path, LOG_FORMAT="json", **settings) as server:
            async with server.async_client() as alice, server.async_client() as another:
                await register(alice)
                await sign_in(alice)
                (redis.stop if how == "stopped" else redis.freeze)()
                logins = [
                    asyncio.create_task(another.post("/login", json={"username": "alice", "password": PASSWORD}))
                    for _ in range(9)
                ]
                times = [await seconds_of_profile(alice) for _ in range(300)]
                assert sorted(times)[int(len(times) * 0.99)] < MOST_SECONDS
                assert {login.status_code for login in await asyncio.gather(*logins)} == {200}
                assert "jwtapi_redis_down 1.0" in (await alice.get("/metrics")).text
                (redis.start if how == "stopped" else redis.thaw)()
                while "jwtapi_redis_down 1.0" in (await alice.get("/metrics")).text:
                    await asyncio.sleep(0.01)
        assert "Traceback" not in server.log.read_text()
