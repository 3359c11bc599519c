"""Counting by the `limits` library in this process's memory."""

import time

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter


class MemoryWindows:
    """Counts this process's attempts alone, and forgets them when it ends."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def hit(self, limit: RateLimitItem, key: str) -> float | None:
        return await hit_or_wait(self._limiter, limit, key)

    async def clear(self, limit: RateLimitItem, key: str) -> None:
        await self._limiter.clear(limit, key)

    async def close(self) -> None:
        """Nothing is open."""


async def hit_or_wait(limiter: MovingWindowRateLimiter, limit: RateLimitItem, key: str) -> float | None:
    """As `Windows.hit`, on any storage of the library."""
    if await limiter.hit(limit, key):
        return None
    window = await limiter.get_window_stats(limit, key)
    return max(0.0, window.reset_time - time.time())
