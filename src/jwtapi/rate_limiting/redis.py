"""Counting in Redis: a window is the list of its attempts' moments, the newest first, as in the `limits` library."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from limits import RateLimitItem, RateLimitItemPerSecond
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from jwtapi.clock import Clock, system_clock
from jwtapi.rate_limiting.windows import CLOCKS_DIFFER_BY, Hit, WindowsRefused, WindowsUnavailable

_ANSWER_SECONDS = 1
"""How long Redis may take. It is asked before a password is hashed, so nobody notices less."""

_MAX_CONNECTIONS = 20
"""Whoever comes when all are in use waits for one, which takes less than a millisecond."""

_HIT = """
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
    -- Before what makes room: a Redis that is full stops a script at its first write, and none that has written.
    redis.call('LPUSH', window, now)
    hits = hits + 1
end
redis.call('LTRIM', window, 0, hits - 1)
redis.call('EXPIRE', window, seconds)
return {admitted and 1 or 0, hits, redis.call('LINDEX', window, -1)}
"""
"""In one step, for everybody else."""


class RedisWindows:
    def __init__(self, uri: str, clock: Clock = system_clock) -> None:
        """`uri` is redis://… or rediss://…, with user and password if need be."""
        pool = BlockingConnectionPool.from_url(
            uri,
            max_connections=_MAX_CONNECTIONS,
            timeout=_ANSWER_SECONDS,
            # One more try, at once: the connection may be one that Redis closed when it was restarted.
            retry=Retry(NoBackoff(), 1),
        )
        self._redis = Redis.from_pool(pool)
        self._hit = self._redis.register_script(_HIT)
        self._clock = clock

    async def hit(self, limit: RateLimitItem, key: str) -> Hit:
        window, period, now = _name(limit, key), limit.get_expiry(), self._clock().timestamp()
        mark = repr(now)
        arguments = (mark, now - period, now + CLOCKS_DIFFER_BY, limit.amount, period + CLOCKS_DIFFER_BY)
        async with _bounded():
            admitted, hits, oldest = await self._hit(keys=[window], args=arguments)
        return Hit(
            admitted=bool(admitted),
            remaining=max(0, limit.amount - hits),
            wait=min(max(0.0, float(oldest) + period - now), period),
            window=window,
            mark=mark,
            place=self,
        )

    async def take_back(self, hit: Hit) -> None:
        async with _bounded():
            await self._redis.lrem(hit.window, 1, str(hit.mark))  # type: ignore[misc]  # it is the asynchronous one

    async def clear(self, limit: RateLimitItem, key: str) -> None:
        async with _bounded():
            await self._redis.delete(_name(limit, key))

    async def probe(self) -> None:
        """Count an attempt of nobody's: PING a Redis whose memory is full or that is a replica answers too.

        Raises:
            WindowsUnavailable
        """
        await self.hit(RateLimitItemPerSecond(1), "probe")

    async def can_count(self) -> bool:
        try:
            await self.probe()
        except WindowsUnavailable:
            return False
        return True

    async def close(self) -> None:
        await self._redis.aclose()


def _name(limit: RateLimitItem, key: str) -> str:
    """The library's, whose counts earlier versions left."""
    return f"LIMITS:{limit.key_for(key)}"


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise (WindowsRefused if _is_of_operator(error) else WindowsUnavailable) from error


def _is_of_operator(error: Exception) -> bool:
    return isinstance(error, AuthenticationError | NoPermissionError) or "DB index is out of range" in str(error)
