"""Counting in the database, which every process has in common."""

import math

from limits import RateLimitItem

from jwtapi.clock import Clock
from jwtapi.rate_limiting.windows import CLOCKS_DIFFER_BY, Hit
from jwtapi.storage.database import Database


class DatabaseWindows:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def hit(self, limit: RateLimitItem, key: str) -> Hit:
        window, period = limit.key_for(key), limit.get_expiry()
        # Milliseconds: older versions of SQLite write 15 digits into JSON, and the attempt has to be found again.
        now = math.floor(self._clock().timestamp() * 1000) / 1000
        latest = now + CLOCKS_DIFFER_BY
        async with self._database.write_hastily() as uow:
            counted = await uow.rate_limits.hit(window, amount=limit.amount, period=period, now=now, latest=latest)
            admitted = counted is not None
            if counted is None:
                counted = await uow.rate_limits.counted(window, since=now - period)
                if counted.newest > latest:
                    await uow.rate_limits.bring_forward(window, period=period, latest=latest)
        return Hit(
            admitted=admitted,
            remaining=max(0, limit.amount - counted.hits),
            # Another machine's clock may be a little ahead of ours.
            wait=min(max(0.0, counted.oldest + period - now), period),
            window=window,
            mark=now,
            place=self,
        )

    async def take_back(self, hit: Hit) -> None:
        async with self._database.write_hastily() as uow:
            await uow.rate_limits.take_back(hit.window, float(hit.mark))

    async def clear(self, limit: RateLimitItem, key: str) -> None:
        async with self._database.write_hastily() as uow:
            await uow.rate_limits.clear(limit.key_for(key))

    async def close(self) -> None:
        """The database is closed by whoever opened it."""
