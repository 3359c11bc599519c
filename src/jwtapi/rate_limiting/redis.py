"""Counting by the `limits` library in Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from jwtapi.rate_limiting.memory import hit_or_wait
from jwtapi.rate_limiting.windows import WindowsUnavailable

_ANSWER_SECONDS = 1
"""How long Redis may take. It is asked before a password is hashed, so nobody notices less."""

_MAX_CONNECTIONS = 20
"""Whoever comes when all are in use waits for one, which takes less than a millisecond."""


class RedisWindows:
    def __init__(self, uri: str) -> None:
        """`uri` is redis://… or rediss://…, with user and password if need be."""
        pool = BlockingConnectionPool.from_url(
            uri,
            max_connections=_MAX_CONNECTIONS,
            timeout=_ANSWER_SECONDS,
            # One more try, at once: the connection may be one that Redis closed when it was restarted.
            retry=Retry(NoBackoff(), 1),
        )
        self._redis = Redis.from_pool(pool)
        storage = RedisStorage(
            f"async+{uri}",
            implementation="redispy",
            connection_pool=pool,  # type: ignore[arg-type]  # as documented
        )
        self._limiter = MovingWindowRateLimiter(storage)

    async def hit(self, limit: RateLimitItem, key: str) -> float | None:
        async with _bounded():
            return await hit_or_wait(self._limiter, limit, key)

    async def clear(self, limit: RateLimitItem, key: str) -> None:
        async with _bounded():
            await self._limiter.clear(limit, key)

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
