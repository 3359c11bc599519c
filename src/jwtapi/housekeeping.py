"""Deletes what is over: sessions that died, events past their age, windows of the rate limits that are empty."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

import structlog

from jwtapi.errors import StorageUnavailable
from jwtapi.resources import Resources
from jwtapi.storage.faults import has_answered, reason_of
from jwtapi.storage.unit_of_work import UnitOfWork

INTERVAL_SECONDS = 60
_BATCH = 500
"""Rows a transaction: on SQLite nobody else can write meanwhile."""

_PAUSE_SECONDS = 0.05
"""Between two batches, for those who are waiting to write."""

Prune: TypeAlias = Callable[[UnitOfWork], Awaitable[int]]

log = structlog.get_logger()


class Housekeeping:
    def __init__(self, resources: Resources) -> None:
        self._database = resources.database
        self._clock = resources.clock
        self._event_age = timedelta(seconds=resources.settings.event_max_age)
        self._refusal: str | None = None

    async def run(self) -> None:
        """Clean up once a minute until cancelled. Of several processes one does it at a time."""
        while True:
            # Not all processes at the same moment.
            await asyncio.sleep(random.uniform(0.5, 1.5) * INTERVAL_SECONDS)  # noqa: S311  nobody gains by guessing it
            try:
                await self.clean_up()
                self._refusal = None
            except StorageUnavailable as error:
                self._tell(error)
            except Exception:
                log.exception("cleaning up failed")

    def _tell(self, error: StorageUnavailable) -> None:
        """Once. Of a database that does not answer, whoever needs it now says so; of a right to delete, nobody else."""
        if has_answered(error) and (cause := reason_of(error)) != self._refusal:
            self._refusal = cause
            log.error("the database refuses to be cleaned up", cause=cause)

    async def clean_up(self) -> None:
        for prune in (self._prune_sessions, self._prune_events, self._prune_rate_limits):
            await self._repeat(prune)

    async def prune_sessions(self) -> int:
        """Delete the sessions that are over, and say how many."""
        return await self._repeat(self._prune_sessions)

    async def _repeat(self, prune: Prune) -> int:
        """Prune a batch a transaction until nothing is left, or another process is at it."""
        pruned = 0
        while True:
            async with self._database.write() as uow:
                batch = await prune(uow) if await uow.claim("housekeeping") else 0
            pruned += batch
            if batch < _BATCH:
                return pruned
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _prune_sessions(self, uow: UnitOfWork) -> int:
        return await uow.sessions.prune(self._clock(), limit=_BATCH)

    async def _prune_events(self, uow: UnitOfWork) -> int:
        return await uow.events.prune(self._clock() - self._event_age, limit=_BATCH)

    async def _prune_rate_limits(self, uow: UnitOfWork) -> int:
        return await uow.rate_limits.prune(self._clock().timestamp(), limit=_BATCH)
