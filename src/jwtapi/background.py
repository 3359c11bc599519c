"""What a serving process does besides answering.

It hears of changes, writes down what arrived, cleans up, measures, and watches whether it can open files.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jwtapi.gauges import Gauges
from jwtapi.housekeeping import Housekeeping
from jwtapi.open_files import watch_open_files
from jwtapi.resources import Resources


@asynccontextmanager
async def background_tasks(resources: Resources) -> AsyncIterator[None]:
    tasks = [
        asyncio.create_task(resources.known_sessions.follow_changes(), name="changes"),
        asyncio.create_task(resources.arrivals.run(), name="arrivals"),
        asyncio.create_task(Housekeeping(resources).run(), name="housekeeping"),
        asyncio.create_task(watch_open_files(), name="open files"),
    ]
    if resources.settings.counts_requests:
        gauges = Gauges(resources)
        tasks += [
            asyncio.create_task(gauges.run(), name="gauges"),
            asyncio.create_task(gauges.count(), name="count of sessions"),
        ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
