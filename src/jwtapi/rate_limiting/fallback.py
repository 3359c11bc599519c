"""Counting somewhere else while the first place is away."""

import asyncio
import contextvars

import structlog
from limits import RateLimitItem

from jwtapi.metrics import Metrics
from jwtapi.rate_limiting.windows import FallibleWindows, Hit, Windows, WindowsUnavailable

_RETRY_SECONDS = 1

log = structlog.get_logger()


class WithFallback:
    """What was counted in one place is not known in the other: an outage gives everybody a new allowance, once.

    And a success during the outage forgets nothing that the first place has counted before.
    """

    def __init__(self, first: FallibleWindows, second: Windows, metrics: Metrics) -> None:
        self._first = first
        self._second = second
        self._metrics = metrics
        self._revival: asyncio.Task[None] | None = None

    async def hit(self, limit: RateLimitItem, key: str) -> Hit:
        if self._revival is None:
            try:
                return await self._first.hit(limit, key)
            except WindowsUnavailable as error:
                self._fall_back(error)
        return await self._second.hit(limit, key)

    async def take_back(self, hit: Hit) -> None:
        if hit.place is self._second:
            await self._second.take_back(hit)
        elif self._revival is None:
            try:
                await self._first.take_back(hit)
            except WindowsUnavailable as error:
                self._fall_back(error)

    async def clear(self, limit: RateLimitItem, key: str) -> None:
        if self._revival is None:
            try:
                await self._first.clear(limit, key)
            except WindowsUnavailable as error:
                self._fall_back(error)
            else:
                return
        await self._second.clear(limit, key)

    async def close(self) -> None:
        if self._revival is not None:
            self._revival.cancel()
            await asyncio.wait([self._revival])
        await self._first.close()
        await self._second.close()

    def _fall_back(self, error: WindowsUnavailable) -> None:
        if self._revival is None:  # of several requests that notice, one says so
            cause = error.__cause__
            log.warning(
                "Redis does not answer, limits are counted in the database", cause=f"{type(cause).__name__}: {cause}"
            )
            self._metrics.set_redis_down(True)
            # Requests do not try again by themselves: each would wait for the time-out. A context of its own, for what
            # it logs is not of the request that noticed.
            self._revival = asyncio.create_task(self._revive(), context=contextvars.Context())

    async def _revive(self) -> None:
        while not await self._first.can_count():  # noqa: ASYNC110  it has no way to tell us
            await asyncio.sleep(_RETRY_SECONDS)
        log.info("Redis answers again")
        self._metrics.set_redis_down(False)
        self._revival = None
