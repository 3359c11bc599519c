"""Runs the background jobs of a serving process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from jwtapi.composition import features
from jwtapi.feature import Job
from jwtapi.gauges import Gauges
from jwtapi.housekeeping import Housekeeping
from jwtapi.open_files import watch_open_files
from jwtapi.services import Services
from jwtapi.storage.arrivals import Arrivals
from jwtapi.storage.change_feed import ChangeFeed


@asynccontextmanager
async def background_tasks(services: Services) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(job.run(), name=job.name) for job in _jobs(services)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _jobs(services: Services) -> Iterator[Job]:
    yield Job("changes", services[ChangeFeed].run)
    yield Job("arrivals", services[Arrivals].run)
    yield Job("housekeeping", services[Housekeeping].run)
    yield Job("open files", watch_open_files)
    if services.settings.counts_requests:
        yield Job("gauges", services[Gauges].run)
        yield Job("count of sessions", services[Gauges].count)
    for feature in features().values():
        yield from feature.jobs(services)
