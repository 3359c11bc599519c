"""Collects the numbers of the dashboard."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from jwtapi.clock import Clock
from jwtapi.errors import StorageUnavailable
from jwtapi.features.admin_activity.storage import DashboardRepository, SignIns
from jwtapi.gauges import Gauges
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.security.passwords import PasswordHasher
from jwtapi.storage.database import Database
from jwtapi.storage.mails import MailCounts
from jwtapi.storage.unit_of_work import UnitOfWork

T = TypeVar("T")

HOURS = 24

_COUNTS_LAST = timedelta(seconds=60)
"""How long the numbers from the database are repeated. To load the dashboard again costs nothing meanwhile."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers from the database. None: they could not be counted in the time that a unit of work has."""

    counted_at: datetime
    sign_ins: Sequence[SignIns]
    """Empty if they could not be counted."""
    sessions_alive: int | None
    users: int | None
    mails: MailCounts | None


@dataclass(frozen=True, slots=True)
class Numbers:
    counts: Counts
    hashes_pending: int
    most_hashes_pending: int
    limits_hit: Mapping[str, int]
    workers: int


class Dashboard:
    def __init__(  # noqa: PLR0913  the service needs all of them
        self,
        database: Database,
        gauges: Gauges,
        hasher: PasswordHasher,
        limiter: RateLimiter,
        clock: Clock,
        *,
        workers: int,
    ) -> None:
        self._database = database
        self._gauges = gauges
        self._hasher = hasher
        self._limiter = limiter
        self._clock = clock
        self._workers = workers
        self._counts: Counts | None = None
        self._counting = asyncio.Lock()

    async def read(self) -> Numbers:
        """Return the present numbers of this process, and those of the database, which are at most a minute old."""
        return Numbers(
            counts=await self._recent_counts(),
            hashes_pending=self._hasher.pending,
            most_hashes_pending=self._hasher.most_pending,
            limits_hit=dict(sorted(self._limiter.refused.items())),
            workers=self._workers,
        )

    async def _recent_counts(self) -> Counts:
        async with self._counting:  # one request counts, and those that come meanwhile get the same numbers
            now = self._clock()
            if self._counts is None or not timedelta() <= now - self._counts.counted_at < _COUNTS_LAST:
                self._counts = await self._count(now)
            return self._counts

    async def _count(self, now: datetime) -> Counts:
        """Count in units of their own, because the time of a unit is short."""
        return Counts(
            counted_at=now,
            sign_ins=await self._read(lambda uow: DashboardRepository(uow.connection).sign_ins(now, hours=HOURS)) or (),
            sessions_alive=await self._gauges.count_sessions(),
            users=await self._read(lambda uow: DashboardRepository(uow.connection).users()),
            mails=await self._read(lambda uow: uow.mails.count()),
        )

    async def _read(self, unit: Callable[[UnitOfWork], T]) -> T | None:
        with suppress(StorageUnavailable):
            return await self._database.read(unit)
        return None
