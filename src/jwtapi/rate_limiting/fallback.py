"""Counts in a second storage while the first is unavailable."""

import asyncio
import contextvars

import structlog
from limits import RateLimitItem

from jwtapi.metrics import Metrics
from jwtapi.rate_limiting.storage import Attempt, RateLimitStorage, RateLimitStorageUnavailable, RemoteStorage

_RETRY_SECONDS = 1

log = structlog.get_logger()


class FallbackStorage:
    """The two storages do not share counts, so an outage gives everybody one new allowance.

    And a login that succeeds during the outage does not clear the failures that Redis counted before it.
    """

    def __init__(self, redis: RemoteStorage, fallback: RateLimitStorage, metrics: Metrics) -> None:
        self._redis = redis
        self._fallback = fallback
        self._metrics = metrics
        self._recovery: asyncio.Task[None] | None = None
        """None while Redis counts."""

    async def acquire(self, limit: RateLimitItem, window: str) -> Attempt:
        if self._recovery is None:
            try:
                return await self._redis.acquire(limit, window)
            except RateLimitStorageUnavailable as error:
                self._fall_back(error)
        return await self._fallback.acquire(limit, window)

    async def release(self, attempt: Attempt) -> None:
        if attempt.storage is self._fallback:
            await self._fallback.release(attempt)
        elif self._recovery is None:
            try:
                await self._redis.release(attempt)
            except RateLimitStorageUnavailable as error:
                self._fall_back(error)

    async def clear(self, window: str) -> None:
        if self._recovery is None:
            try:
                await self._redis.clear(window)
            except RateLimitStorageUnavailable as error:
                self._fall_back(error)
            else:
                return
        await self._fallback.clear(window)

    async def close(self) -> None:
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.wait([self._recovery])
        await self._redis.close()
        await self._fallback.close()

    def _fall_back(self, error: RateLimitStorageUnavailable) -> None:
        if self._recovery is None:  # several requests may fail together; the first one logs the outage
            cause = error.__cause__
            log.warning(
                "Redis does not answer, limits are counted in the database", cause=f"{type(cause).__name__}: {cause}"
            )
            self._metrics.set_redis_down(True)
            # One task tries again, not the requests: each of them would wait for the time-out. It has a context of its
            # own, or its log lines would carry the id of the request that noticed the outage.
            self._recovery = asyncio.create_task(self._wait_for_redis(), context=contextvars.Context())

    async def _wait_for_redis(self) -> None:
        while not await self._redis.is_available():  # noqa: ASYNC110  Redis cannot notify us
            await asyncio.sleep(_RETRY_SECONDS)
        log.info("Redis answers again")
        self._metrics.set_redis_down(False)
        self._recovery = None
