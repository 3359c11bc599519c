"""Counting in the database, which every process has in common."""

from limits import RateLimitItem

from jwtapi.clock import Clock
from jwtapi.storage.database import Database


class DatabaseWindows:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def hit(self, limit: RateLimitItem, key: str) -> float | None:
        key, now, period = limit.key_for(key), self._clock().timestamp(), limit.get_expiry()
        async with self._database.write_hastily() as uow:
            if await uow.rate_limits.hit(key, amount=limit.amount, period=period, now=now):
                return None
            oldest = await uow.rate_limits.oldest(key, since=now - period)
        # Another process's clock may be a little ahead of ours.
        return min(max(0.0, oldest + period - now), period) if oldest is not None else 0.0

    async def clear(self, limit: RateLimitItem, key: str) -> None:
        async with self._database.write_hastily() as uow:
            await uow.rate_limits.clear(limit.key_for(key))

    async def close(self) -> None:
        """The database is closed by whoever opened it."""
