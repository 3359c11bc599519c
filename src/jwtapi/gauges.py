"""Sets the metrics that no request changes. Each worker does it once a second."""

import asyncio
import math
import platform
import random
from contextlib import suppress

import structlog

from jwtapi import __version__
from jwtapi.clock import Clock
from jwtapi.errors import StorageUnavailable
from jwtapi.metrics import Metrics
from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database

UPDATE_SECONDS = 1

COUNT_SECONDS = 60
"""How often one of the workers counts the sessions and the mails."""

log = structlog.get_logger()


class Gauges:
    def __init__(self, metrics: Metrics, database: Database, feed: ChangeFeed, clock: Clock, *, workers: int) -> None:
        self._metrics = metrics
        self._database = database
        self._feed = feed
        self._clock = clock
        self._workers = workers

    async def run(self) -> None:
        """Set the metrics once a second until cancelled."""
        self._metrics.set_build_info(
            version=__version__,
            python=platform.python_version(),
            database="sqlite" if self._database.is_sqlite else "postgresql",
        )
        while True:
            self.update()
            await asyncio.sleep(UPDATE_SECONDS)

    def update(self) -> None:
        size, in_use, waiting = self._database.connections()
        self._metrics.set_pool(size=size, in_use=in_use, waiting=waiting)
        self._metrics.set_feed_lag(self._feed.silence())
        self._metrics.update_process_metrics()

    async def count_regularly(self) -> None:
        """Count sessions and mails until cancelled: once a minute, by one of the workers."""
        interval = COUNT_SECONDS * self._workers
        while True:
            try:
                await self.count_sessions()
                await self.count_mails()
            except Exception:
                log.exception("counting rows failed")
            # The pause is random, so that the workers do not count at the same time.
            await asyncio.sleep(random.uniform(0.5, 1.5) * interval)  # noqa: S311  no secret

    async def count_sessions(self) -> int | None:
        """Count the sessions once, and return how many are alive.

        If that takes longer than a unit may take, the metric has no value, and None is returned.
        """
        sessions = None
        with suppress(StorageUnavailable):
            sessions = await self._database.read(lambda uow: uow.sessions.count_alive(self._clock()))
        self._metrics.set_sessions_alive(sessions)
        return sessions

    async def count_mails(self) -> None:
        """Count the mails of the outbox once, as above."""
        try:
            counts = await self._database.read(lambda uow: uow.mails.count())
        except StorageUnavailable:
            self._metrics.set_mails(waiting=math.nan, failed=math.nan, oldest_seconds=math.nan)
        else:
            age = (self._clock() - counts.oldest).total_seconds() if counts.oldest is not None else 0
            self._metrics.set_mails(waiting=counts.waiting, failed=counts.failed, oldest_seconds=age)
