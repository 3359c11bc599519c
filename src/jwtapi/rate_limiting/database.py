"""Counts attempts in the database, which all processes share."""

import math
from collections.abc import Callable
from typing import TypeVar

from limits import RateLimitItem

from jwtapi.clock import Clock
from jwtapi.rate_limiting.storage import CLOCKS_DIFFER_BY, Attempt
from jwtapi.storage.database import Database
from jwtapi.storage.rate_limits import WindowState
from jwtapi.storage.unit_of_work import UnitOfWork

T = TypeVar("T")


class DatabaseStorage:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def acquire(self, limit: RateLimitItem, window: str) -> Attempt:
        period = limit.get_expiry()
        # Milliseconds: older versions of SQLite write 15 digits into JSON, and `release` must find the same number.
        now = math.floor(self._clock().timestamp() * 1000) / 1000
        latest = now + CLOCKS_DIFFER_BY

        def acquire(uow: UnitOfWork) -> tuple[bool, WindowState]:
            state = uow.rate_limits.acquire(window, amount=limit.amount, period=period, now=now, latest=latest)
            if state is not None:
                return True, state
            state = uow.rate_limits.state(window, since=now - period)
            if state.newest > latest:
                uow.rate_limits.cap_times(window, period=period, latest=latest)
            return False, state

        admitted, state = await self._write(acquire)
        return Attempt(
            admitted=admitted,
            remaining=max(0, limit.amount - state.attempts),
            # The clock of the machine that counted the oldest attempt may be a little ahead of ours.
            wait=min(max(0.0, state.oldest + period - now), period),
            window=window,
            entry=now,
            storage=self,
        )

    async def release(self, attempt: Attempt) -> None:
        await self._write(lambda uow: uow.rate_limits.release(attempt.window, float(attempt.entry)))

    async def clear(self, window: str) -> None:
        await self._write(lambda uow: uow.rate_limits.clear(window))

    async def close(self) -> None:
        """Does nothing: the database is closed where it was opened."""

    async def _write(self, unit: Callable[[UnitOfWork], T]) -> T:
        return await self._database.write(unit, durable=False, autocommit=True)
