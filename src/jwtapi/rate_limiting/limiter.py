"""Admits attempts, or refuses them, by the limits that features declare."""

import math
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import structlog
from limits import RateLimitItem, parse

from jwtapi.errors import StorageUnavailable
from jwtapi.rate_limiting.limits import Limit
from jwtapi.rate_limiting.storage import CLOCKS_DIFFER_BY, Attempt, RateLimitStorage
from jwtapi.settings import Settings
from jwtapi.storage.unit_of_work import UnitOfWork

_MAX_REMEMBERED = 10_000

_RECHECK_SECONDS = 1
"""How long a refusal is repeated from memory if the limit spares success: another process may release an attempt."""

_IN_FLIGHT_SECONDS = 2
"""The longest wait for a client while attempts are in flight that may yet be released."""

log = structlog.get_logger()


@dataclass(slots=True)
class Standing:
    """The state of one limit for one key, after a request was counted or refused."""

    limit: Limit
    item: RateLimitItem
    window: str
    """Identifies limit and key."""
    admitted: bool
    remaining: int
    wait: float
    """Seconds until one more attempt is admitted."""
    attempt: Attempt | None = None
    """None if it was refused, or is settled."""

    @property
    def retry_after(self) -> int:
        """The wait in whole seconds, for the headers."""
        return _whole_seconds(self.wait)


class _Refusal(NamedTuple):
    """A refusal that is repeated without asking the storage. Times are those of `time.monotonic`."""

    recheck_at: float
    retry_at: float


class RateLimiter:
    def __init__(self, settings: Settings, storage: RateLimitStorage) -> None:
        self.enabled = settings.rate_limit_enabled
        self._settings = settings
        self._storage = storage
        self._items: dict[Limit, RateLimitItem] = {}
        self._in_flight: Counter[str] = Counter()
        """By window: admitted attempts that are not settled yet."""
        self._refusals: dict[str, _Refusal] = {}
        """By window: the last refusal."""
        self.refused: Counter[str] = Counter()
        """By the name of the limit: the attempts that this process has refused since it started."""

    async def acquire(self, limit: Limit, key: str) -> Standing:
        """Count an attempt, or refuse it. Every standing must be settled; meanwhile its attempt is in flight.

        Raises:
            StorageUnavailable
        """
        item = self.item_of(limit)
        window = item.key_for(key, limit.name)
        # A client that goes on trying costs no query.
        wait = self._remembered_wait(window)
        if wait is None:
            attempt = await self._storage.acquire(item, window)
            if attempt.admitted:
                self._in_flight[window] += 1
                self._refusals.pop(window, None)
                return Standing(
                    limit,
                    item,
                    window,
                    admitted=True,
                    remaining=attempt.remaining,
                    wait=attempt.wait,
                    attempt=attempt,
                )
            if window not in self._refusals:
                log.warning("rate limit reached", limit=limit.name, key=key)
            wait = self._remember_refusal(limit, window, attempt.wait)
        self.refused[limit.name] += 1
        return Standing(limit, item, window, admitted=False, remaining=0, wait=wait)

    async def settle(self, standing: Standing, *, succeeded: bool) -> None:
        """End an attempt's flight, and release it if it succeeded and its limit spares success. Idempotent.

        An attempt that cannot be released now counts until it leaves the window. The request still succeeds.
        """
        attempt, standing.attempt = standing.attempt, None
        if attempt is None:
            return
        window = standing.window
        try:
            if succeeded and standing.limit.spares_success(self._settings):
                with suppress(StorageUnavailable):
                    await self._storage.release(attempt)
                    standing.remaining += 1
                    self._refusals.pop(window, None)
        finally:
            self._in_flight[window] -= 1
            if self._in_flight[window] <= 0:
                del self._in_flight[window]

    async def spend(self, limit: Limit, key: str) -> None:
        """Count an attempt that only `clear` can undo.

        Raises:
            TooManyRequests: the limit's own error.
            StorageUnavailable
        """
        if not self.enabled:
            return
        item = self.item_of(limit)
        attempt = await self._storage.acquire(item, item.key_for(key, limit.name))
        if not attempt.admitted:
            self.refused[limit.name] += 1
            raise limit.error(retry_after=_whole_seconds(attempt.wait))

    def admits(self, uow: UnitOfWork, limit: Limit, key: str, at: datetime) -> bool:
        """Count an attempt as part of a unit: in its database, wherever other attempts are counted."""
        if not self.enabled:
            return True
        item, now = self.item_of(limit), at.timestamp()
        window = item.key_for(key, limit.name)
        latest = now + CLOCKS_DIFFER_BY
        counted = uow.rate_limits.acquire(
            window, amount=item.amount, period=item.get_expiry(), now=now, latest=latest, durably=True
        )
        return counted is not None

    async def clear(self, limit: Limit, key: str) -> None:
        """Forget all attempts. If the storage is unavailable, they go on counting."""
        if self.enabled:
            with suppress(StorageUnavailable):
                await self._storage.clear(self.item_of(limit).key_for(key, limit.name))

    def item_of(self, limit: Limit) -> RateLimitItem:
        """The number and the period of a limit, with these settings.

        Raises:
            ValueError: the setting is not of the form "10/15 minutes".
        """
        if limit not in self._items:
            self._items[limit] = parse(limit.amount(self._settings))
        return self._items[limit]

    def _remembered_wait(self, window: str) -> float | None:
        """The seconds to wait, if a refusal may be repeated without asking the storage."""
        now = time.monotonic()
        refusal = self._refusals.get(window)
        return refusal.retry_at - now if refusal is not None and now < refusal.recheck_at else None

    def _remember_refusal(self, limit: Limit, window: str, wait: float) -> float:
        """Return the wait for the client."""
        valid_for = wait
        if limit.spares_success(self._settings):
            valid_for = min(wait, _RECHECK_SECONDS)
            if self._in_flight[window] > 0:
                wait = min(wait, _IN_FLIGHT_SECONDS)
        if len(self._refusals) >= _MAX_REMEMBERED:
            self._refusals.clear()
        now = time.monotonic()
        self._refusals[window] = _Refusal(recheck_at=now + valid_for, retry_at=now + wait)
        return wait


def _whole_seconds(wait: float) -> int:
    return max(1, math.ceil(wait))
