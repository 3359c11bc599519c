"""Counting in Redis: a window is a sorted set of attempts by their moments."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from limits import RateLimitItem, RateLimitItemPerSecond
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from jwtapi.clock import Clock, system_clock
from jwtapi.rate_limiting.windows import CLOCKS_DIFFER_BY, Hit, WindowsUnavailable

_ANSWER_SECONDS = 1
"""How long Redis may take. It is asked before a password is hashed, so nobody notices less."""

_MAX_CONNECTIONS = 20
"""Whoever comes when all are in use waits for one, which takes less than a millisecond."""

_HIT = """
local window, mark, now, from, latest, amount, seconds = KEYS[1], unpack(ARGV)
local admitted = redis.call('ZCOUNT', window, '(' .. from, '+inf') < tonumber(amount)
if admitted then
    -- The first write: a Redis that is full lets a script that has written go on, and so would count on for ever.
    redis.call('ZADD', window, now, mark)
end
redis.call('ZREMRANGEBYSCORE', window, '-inf', from)
for _, ahead in ipairs(redis.call('ZRANGEBYSCORE', window, '(' .. latest, '+inf')) do
    redis.call('ZADD', window, latest, ahead)
end
redis.call('EXPIRE', window, seconds)
return {admitted and 1 or 0, redis.call('ZCARD', window), redis.call('ZRANGE', window, 0, 0, 'WITHSCORES')[2]}
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
        window, mark, period = f"jwtapi/{limit.key_for(key)}", secrets.token_urlsafe(9), limit.get_expiry()
        now = self._clock().timestamp()
        arguments = (mark, now, now - period, now + CLOCKS_DIFFER_BY, limit.amount, period + CLOCKS_DIFFER_BY)
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
            await self._redis.zrem(hit.window, hit.mark)

    async def clear(self, limit: RateLimitItem, key: str) -> None:
        async with _bounded():
            await self._redis.delete(f"jwtapi/{limit.key_for(key)}")

    async def can_count(self) -> bool:
        try:
            # Not PING, which a Redis whose memory is full or that is a replica answers too.
            await self.hit(RateLimitItemPerSecond(1), "probe")
        except WindowsUnavailable:
            return False
        return True

    async def close(self) -> None:
        await self._redis.aclose()


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise WindowsUnavailable from error
