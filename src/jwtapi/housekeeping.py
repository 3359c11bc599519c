"""Deletes rows that nothing needs any more, such as ended sessions and old events."""

import asyncio
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import structlog

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database
from jwtapi.storage.faults import has_answered, reason_of
from jwtapi.storage.unit_of_work import UnitOfWork

INTERVAL_SECONDS = 60
BATCH = 500
"""Rows in one transaction. On SQLite no other transaction can write meanwhile."""

_PAUSE_SECONDS = 0.05
"""Between two batches, so that waiting transactions can write."""

Prune: TypeAlias = Callable[[UnitOfWork, int], int]
"""Deletes up to so many rows, and returns how many it deleted."""

log = structlog.get_logger()


class Housekeeping:
    def __init__(
        self,
        database: Database,
        prunes: Mapping[str, Prune],
        *,
        interval_seconds: float = INTERVAL_SECONDS,
        batch: int = BATCH,
    ) -> None:
        """`prunes` has what is deleted, by name."""
        self._interval_seconds = interval_seconds
        self._batch = batch
        self._database = database
        self._prunes = prunes
        self._refusal: str | None = None

    async def run(self) -> None:
        """Clean up once a minute until cancelled. One process at a time does it."""
        while True:
            # At another moment in each process.
            await asyncio.sleep(random.uniform(0.5, 1.5) * self._interval_seconds)  # noqa: S311  no secret
            try:
                await self.clean_up()
                self._refusal = None
            except StorageUnavailable as error:
                self._log_refusal(error)
            except Exception:
                log.exception("cleaning up failed")

    def _log_refusal(self, error: StorageUnavailable) -> None:
        """Log each cause once, such as a missing right. Requests log it themselves if the database does not answer."""
        if has_answered(error) and (cause := reason_of(error)) != self._refusal:
            self._refusal = cause
            log.error("the database refuses housekeeping", cause=cause)

    async def clean_up(self) -> None:
        for name in self._prunes:
            await self.prune(name)

    async def prune(self, name: str) -> int:
        """Delete in batches until nothing is left, or another process does the same; return how many rows it deleted.

        Each batch is a transaction of its own.
        """
        pruned = 0
        while True:
            batch = await self._database.write(partial(self._prune_batch, name))
            pruned += batch
            if batch < self._batch:
                return pruned
            await asyncio.sleep(_PAUSE_SECONDS)

    def _prune_batch(self, name: str, uow: UnitOfWork) -> int:
        return self._prunes[name](uow, self._batch) if uow.try_lock("housekeeping") else 0
