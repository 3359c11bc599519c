import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import limits
import pytest

from jwtapi.rate_limiting.database import DatabaseStorage
from jwtapi.rate_limiting.memory import MemoryStorage
from jwtapi.rate_limiting.redis import RedisStorage
from jwtapi.rate_limiting.storage import Attempt, RateLimitStorage
from jwtapi.storage.database import Database
from tests.conftest import RunApi
from tests.support.clock import FakeClock
from tests.support.redis import OwnRedis

TEN = limits.parse("10/15 minutes")
HUNDRED = limits.parse("100/15 minutes")

pytestmark = pytest.mark.parametrize(
    ("database_url", "place"),
    (("sqlite", "database"), ("postgresql", "database"), ("sqlite", "memory"), ("sqlite", "redis")),
    indirect=["database_url"],
)


@pytest.fixture
async def storage(
    run_api: RunApi, place: str, clock: FakeClock, request: pytest.FixtureRequest
) -> AsyncIterator[RateLimitStorage]:
    async with run_api() as api:
        if place == "database":
            yield DatabaseStorage(api.services[Database], clock)
        elif place == "memory":
            yield MemoryStorage(lambda: clock().timestamp())
        else:
            redis: OwnRedis = request.getfixturevalue("redis")
            in_redis = RedisStorage(redis.uri, clock)
            yield in_redis
            await in_redis.close()


def summary(attempt: Attempt) -> tuple[bool, int, int]:
    return attempt.admitted, attempt.remaining, round(attempt.wait)


async def admitted(storage: RateLimitStorage, times: int, key: str = "key") -> int:
    return sum([(await storage.acquire(TEN, key)).admitted for _ in range(times)])


async def test_an_attempt_has_the_number_of_those_remaining_and_the_wait_for_one_more(
    storage: RateLimitStorage, clock: FakeClock
) -> None:
    first = await storage.acquire(TEN, "key")
    assert summary(first) == (True, 9, 900)
    clock.advance(300)
    second = await storage.acquire(TEN, "key")
    assert summary(second) == (True, 8, 600)
    await admitted(storage, 8)
    refused = await storage.acquire(TEN, "key")
    assert summary(refused) == (False, 0, 600)


async def test_one_of_several_attempts_of_the_same_moment_is_released(storage: RateLimitStorage) -> None:
    attempts = [await storage.acquire(TEN, "key") for _ in range(10)]
    await storage.release(attempts[4])
    assert await admitted(storage, 3) == 1


async def test_of_attempts_of_different_moments_the_given_one_is_released(
    storage: RateLimitStorage, clock: FakeClock
) -> None:
    attempts = []
    for _ in range(10):
        attempts.append(await storage.acquire(TEN, "key"))
        clock.advance(10.123)
    await storage.release(attempts[0])
    later = await storage.acquire(TEN, "key")
    assert (later.admitted, later.remaining) == (True, 0)
    assert later.wait == pytest.approx(900 - 9 * 10.123, abs=0.01)


async def test_releasing_an_expired_attempt_changes_nothing(storage: RateLimitStorage, clock: FakeClock) -> None:
    old = await storage.acquire(TEN, "key")
    clock.advance(901)
    assert await admitted(storage, 11) == 10
    await storage.release(old)
    assert await admitted(storage, 1) == 0


async def test_releasing_a_cleared_attempt_changes_nothing(storage: RateLimitStorage, clock: FakeClock) -> None:
    old = await storage.acquire(TEN, "key")
    await storage.clear("key")
    await storage.release(old)
    clock.advance(1)
    assert await admitted(storage, 11) == 10
    await storage.release(old)
    assert await admitted(storage, 1) == 0


async def test_releasing_an_attempt_changes_only_its_own_window(storage: RateLimitStorage) -> None:
    attempt = await storage.acquire(TEN, "key")
    assert await admitted(storage, 11, "another") == 10
    await storage.release(attempt)
    assert await admitted(storage, 1, "another") == 0
    assert await admitted(storage, 11) == 10


async def test_parallel_attempts_are_counted_and_released_exactly(storage: RateLimitStorage) -> None:
    attempts = await asyncio.gather(*(storage.acquire(HUNDRED, "key") for _ in range(40)))
    assert sorted(attempt.remaining for attempt in attempts) == list(range(60, 100))
    await asyncio.gather(
        *(storage.release(attempt) for attempt in attempts[:30]), *(storage.acquire(HUNDRED, "key") for _ in range(5))
    )
    assert (await storage.acquire(HUNDRED, "key")).remaining == 100 - 40 + 30 - 5 - 1


@pytest.mark.parametrize("used", (5, 10))
async def test_setting_the_clock_back_neither_admits_nor_refuses_more_attempts(
    storage: RateLimitStorage, clock: FakeClock, place: str, used: int
) -> None:
    if place == "memory":
        pytest.skip("it uses the monotonic clock")
    await admitted(storage, used)
    clock.advance(-timedelta(days=1).total_seconds())
    assert await admitted(storage, 11) == 10 - used
    assert (await storage.acquire(TEN, "key")).wait <= 900
    clock.advance(904)
    if used == 10:
        assert await admitted(storage, 1) == 0
    clock.advance(2)
    assert await admitted(storage, 11) == 10


async def test_expired_windows_are_removed_from_memory(storage: RateLimitStorage, clock: FakeClock) -> None:
    if not isinstance(storage, MemoryStorage):
        pytest.skip("the database and Redis remove them in other ways")
    for n in range(100):
        await storage.acquire(TEN, f"key{n}")
    clock.advance(901)
    await storage.acquire(TEN, "key")
    assert len(storage._windows) == 1  # noqa: SLF001  nothing else shows it
