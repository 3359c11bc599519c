import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import limits
import pytest

from jwtapi.rate_limiting.database import DatabaseWindows
from jwtapi.rate_limiting.memory import MemoryWindows
from jwtapi.rate_limiting.redis import RedisWindows
from jwtapi.rate_limiting.windows import Hit, Windows
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
async def windows(
    run_api: RunApi, place: str, clock: FakeClock, request: pytest.FixtureRequest
) -> AsyncIterator[Windows]:
    async with run_api() as api:
        if place == "database":
            yield DatabaseWindows(api.services[Database], clock)
        elif place == "memory":
            yield MemoryWindows(lambda: clock().timestamp())
        else:
            redis: OwnRedis = request.getfixturevalue("redis")
            in_redis = RedisWindows(redis.uri, clock)
            yield in_redis
            await in_redis.close()


def told(hit: Hit) -> tuple[bool, int, int]:
    return hit.admitted, hit.remaining, round(hit.wait)


async def admitted(windows: Windows, times: int, key: str = "key") -> int:
    return sum([(await windows.hit(TEN, key)).admitted for _ in range(times)])


async def test_a_hit_tells_how_many_are_left_and_when_there_is_one_more(windows: Windows, clock: FakeClock) -> None:
    first = await windows.hit(TEN, "key")
    assert told(first) == (True, 9, 900)
    clock.advance(300)
    second = await windows.hit(TEN, "key")
    assert told(second) == (True, 8, 600)
    await admitted(windows, 8)
    refused = await windows.hit(TEN, "key")
    assert told(refused) == (False, 0, 600)


async def test_of_attempts_of_one_moment_exactly_one_is_taken_back(windows: Windows) -> None:
    hits = [await windows.hit(TEN, "key") for _ in range(10)]
    await windows.take_back(hits[4])
    assert await admitted(windows, 3) == 1


async def test_of_attempts_of_several_moments_the_very_one_is_taken_back(windows: Windows, clock: FakeClock) -> None:
    hits = []
    for _ in range(10):
        hits.append(await windows.hit(TEN, "key"))
        clock.advance(10.123)
    await windows.take_back(hits[0])
    later = await windows.hit(TEN, "key")
    assert (later.admitted, later.remaining) == (True, 0)
    assert later.wait == pytest.approx(900 - 9 * 10.123, abs=0.01)


async def test_what_the_window_knows_no_more_gives_nothing_back(windows: Windows, clock: FakeClock) -> None:
    old = await windows.hit(TEN, "key")
    clock.advance(901)
    assert await admitted(windows, 11) == 10
    await windows.take_back(old)
    assert await admitted(windows, 1) == 0


async def test_what_was_cleared_gives_nothing_back(windows: Windows, clock: FakeClock) -> None:
    old = await windows.hit(TEN, "key")
    await windows.clear(TEN, "key")
    await windows.take_back(old)
    clock.advance(1)
    assert await admitted(windows, 11) == 10
    await windows.take_back(old)
    assert await admitted(windows, 1) == 0


async def test_a_window_gives_back_what_is_its_own(windows: Windows) -> None:
    hit = await windows.hit(TEN, "key")
    assert await admitted(windows, 11, "another") == 10
    await windows.take_back(hit)
    assert await admitted(windows, 1, "another") == 0
    assert await admitted(windows, 11) == 10


async def test_many_at_once_are_counted_and_taken_back_exactly(windows: Windows) -> None:
    hits = await asyncio.gather(*(windows.hit(HUNDRED, "key") for _ in range(40)))
    assert sorted(hit.remaining for hit in hits) == list(range(60, 100))
    await asyncio.gather(
        *(windows.take_back(hit) for hit in hits[:30]), *(windows.hit(HUNDRED, "key") for _ in range(5))
    )
    assert (await windows.hit(HUNDRED, "key")).remaining == 100 - 40 + 30 - 5 - 1


@pytest.mark.parametrize("used", (5, 10))
async def test_a_clock_that_is_set_back_neither_frees_nor_locks(
    windows: Windows, clock: FakeClock, place: str, used: int
) -> None:
    if place == "memory":
        pytest.skip("its clock is never set")
    await admitted(windows, used)
    clock.advance(-timedelta(days=1).total_seconds())
    assert await admitted(windows, 11) == 10 - used
    assert (await windows.hit(TEN, "key")).wait <= 900
    clock.advance(904)
    if used == 10:
        assert await admitted(windows, 1) == 0
    clock.advance(2)
    assert await admitted(windows, 11) == 10


async def test_windows_that_are_over_are_not_kept_in_memory(windows: Windows, clock: FakeClock) -> None:
    if not isinstance(windows, MemoryWindows):
        pytest.skip("others see to it by themselves")
    for n in range(100):
        await windows.hit(TEN, f"key{n}")
    clock.advance(901)
    await windows.hit(TEN, "key")
    assert len(windows._windows) == 1  # noqa: SLF001  nothing else shows it
