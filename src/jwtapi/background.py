"""Runs the background jobs of a serving process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import structlog

from jwtapi.composition import features
from jwtapi.feature import Job
from jwtapi.gauges import Gauges
from jwtapi.housekeeping import Housekeeping
from jwtapi.mail.delivery import Delivery
from jwtapi.mail.outbox import Outbox
from jwtapi.open_files import watch_open_files
from jwtapi.services import Services
from jwtapi.signing.service import SigningKeys
from jwtapi.storage.arrivals import Arrivals
from jwtapi.storage.change_feed import ChangeFeed

log = structlog.get_logger()


@asynccontextmanager
async def background_tasks(services: Services) -> AsyncIterator[None]:
    await services[SigningKeys].start()
    tasks = [asyncio.create_task(job.run(), name=job.name) for job in _jobs(services)]
    for task in tasks:
        task.add_done_callback(_log_failure)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _log_failure(task: asyncio.Task[None]) -> None:
    """Nothing starts a job again, so the log must state that it has ended."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a background job has failed", job=task.get_name(), exc_info=error)


def _jobs(services: Services) -> Iterator[Job]:
    yield Job("changes", services[ChangeFeed].run)
    yield Job("arrivals", services[Arrivals].run)
    yield Job("signing keys", services[SigningKeys].run)
    yield Job("housekeeping", services[Housekeeping].run)
    if services[Outbox].is_on:
        yield Job("mail", services[Delivery].run)
    yield Job("open files", watch_open_files)
    if services.settings.counts_requests:
        yield Job("gauges", services[Gauges].run)
        yield Job("count of sessions", services[Gauges].count_regularly)
    for feature in features().values():
        yield from feature.jobs(services)
