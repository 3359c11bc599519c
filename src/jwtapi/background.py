"""What a serving process does besides answering: it hears of changes, writes down what arrived, and cleans up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jwtapi.housekeeping import Housekeeping
from jwtapi.resources import Resources


@asynccontextmanager
async def background_tasks(resources: Resources) -> AsyncIterator[None]:
    tasks = [
        asyncio.create_task(resources.known_sessions.follow_changes(), name="changes"),
        asyncio.create_task(resources.arrivals.run(), name="arrivals"),
        asyncio.create_task(Housekeeping(resources).run(), name="housekeeping"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
