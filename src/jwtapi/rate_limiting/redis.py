"""Counts attempts in Redis. A window is the list of the times of its attempts, the newest first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from limits import RateLimitItem, RateLimitItemPerSecond
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from jwtapi.clock import Clock, system_clock
from jwtapi.rate_limiting.storage import (
    CLOCKS_DIFFER_BY,
    Attempt,
    RateLimitStorageMisconfigured,
    RateLimitStorageUnavailable,
)

_ANSWER_SECONDS = 1
"""Redis counts as unavailable if it takes longer than this."""

_MAX_CONNECTIONS = 20
"""While all are in use, the next request waits for a free one, usually for less than a millisecond."""

_PREFIX = "LIMITS:"
"""The prefix of every key. The `limits` library uses the same one."""

_ACQUIRE = """
local window, now, from, latest, amount, seconds = KEYS[1], unpack(ARGV)
local function at(index) return tonumber(redis.call('LINDEX', window, index)) end
local hits = redis.call('LLEN', window)
local ahead = 0
while ahead < hits and at(ahead) > tonumber(latest) do
    redis.call('LSET', window, ahead, latest)
    ahead = ahead + 1
end
while hits > 0 and at(hits - 1) <= tonumber(from) do
    hits = hits - 1
end
local admitted = hits < tonumber(amount)
if admitted then
    -- LPUSH comes before LTRIM, because a full Redis refuses LPUSH only if the script has written nothing before.
    redis.call('LPUSH', window, now)
    hits = hits + 1
end
redis.call('LTRIM', window, 0, hits - 1)
redis.call('EXPIRE', window, seconds)
return {admitted and 1 or 0, hits, redis.call('LINDEX', window, -1)}
"""
"""Redis runs a script as one step: no other client sees or changes the window meanwhile."""


class RedisStorage:
    def __init__(self, uri: str, clock: Clock = system_clock) -> None:
        """`uri` is redis://… or rediss://…, with user and password if Redis requires them."""
        pool = BlockingConnectionPool.from_url(
            uri,
            max_connections=_MAX_CONNECTIONS,
            timeout=_ANSWER_SECONDS,
            # Retry once, without a pause: Redis may have closed a pooled connection when it was restarted.
            retry=Retry(NoBackoff(), 1),
        )
        self._redis = Redis.from_pool(pool)
        self._acquire = self._redis.register_script(_ACQUIRE)
        self._clock = clock

    async def acquire(self, limit: RateLimitItem, window: str) -> Attempt:
        period, now = limit.get_expiry(), self._clock().timestamp()
        entry = repr(now)
        arguments = (entry, now - period, now + CLOCKS_DIFFER_BY, limit.amount, period + CLOCKS_DIFFER_BY)
        async with _unavailable_after_timeout():
            admitted, counted, oldest = await self._acquire(keys=[_PREFIX + window], args=arguments)
        return Attempt(
            admitted=bool(admitted),
            remaining=max(0, limit.amount - counted),
            wait=min(max(0.0, float(oldest) + period - now), period),
            window=window,
            entry=entry,
            storage=self,
        )

    async def release(self, attempt: Attempt) -> None:
        async with _unavailable_after_timeout():
            await self._redis.lrem(_PREFIX + attempt.window, 1, str(attempt.entry))  # type: ignore[misc]  # the type is a union

    async def clear(self, window: str) -> None:
        async with _unavailable_after_timeout():
            await self._redis.delete(_PREFIX + window)

    async def probe(self) -> None:
        """Count an attempt under a key of its own. PING is not enough: a full Redis and a read-only replica answer it.

        Raises:
            RateLimitStorageUnavailable
        """
        await self.acquire(RateLimitItemPerSecond(1), "probe")

    async def is_available(self) -> bool:
        try:
            await self.probe()
        except RateLimitStorageUnavailable:
            return False
        return True

    async def close(self) -> None:
        await self._redis.aclose()


@asynccontextmanager
async def _unavailable_after_timeout() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        kind = RateLimitStorageMisconfigured if _is_of_configuration(error) else RateLimitStorageUnavailable
        raise kind from error


def _is_of_configuration(error: Exception) -> bool:
    return isinstance(error, AuthenticationError | NoPermissionError) or "DB index is out of range" in str(error)
