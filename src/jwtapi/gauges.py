"""What is measured by looking, and not when it happens: once a second in each worker, if somebody may ask for it."""

import asyncio
import platform
import random

import structlog

from jwtapi import __version__
from jwtapi.errors import StorageUnavailable
from jwtapi.resources import Resources

LOOK_SECONDS = 1

COUNT_SECONDS = 60
"""How often the sessions are counted, by any worker of a server."""

log = structlog.get_logger()


class Gauges:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._metrics = resources.metrics
        self._database = resources.database

    async def run(self) -> None:
        """Look once a second until cancelled."""
        self._metrics.set_build_info(
            version=__version__,
            python=platform.python_version(),
            database="sqlite" if self._database.is_sqlite else "postgresql",
        )
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        size, in_use, waiting = self._database.connections()
        self._metrics.set_pool(size=size, in_use=in_use, waiting=waiting)
        self._metrics.set_feed_lag(self._resources.known_sessions.silence())
        self._metrics.look_at_process()

    async def count(self) -> None:
        """Count the sessions once a minute until cancelled. Of several workers each does it as much more seldom."""
        interval = COUNT_SECONDS * self._resources.settings.workers
        while True:
            try:
                await self.count_sessions()
            except Exception:
                log.exception("counting the sessions failed")
            # Not all workers at the same moment.
            await asyncio.sleep(random.uniform(0.5, 1.5) * interval)  # noqa: S311  nobody gains by guessing it

    async def count_sessions(self) -> None:
        """Bounded as every block is: what takes longer than that is not known."""
        try:
            async with self._database.read() as uow:
                sessions = await uow.sessions.count_alive(self._resources.clock())
        except StorageUnavailable:
            self._metrics.set_sessions_alive(None)
        else:
            self._metrics.set_sessions_alive(sessions)
