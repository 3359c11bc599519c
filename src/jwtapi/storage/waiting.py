"""Waits for a database that does not answer yet, as one that starts at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.faults import may_pass, reason_of

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5

log = structlog.get_logger()


async def retry_outages(use: Callable[[], Awaitable[T]], seconds: float) -> T:
    """Do `use` again for so long, as long as it fails for an outage; each new cause has one line in the log.

    Raises:
        StorageUnavailable: the time is over, or it is no outage, such as a wrong password.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    pause = _FIRST_PAUSE_SECONDS
    told = None
    while True:
        try:
            result = await use()
        except StorageUnavailable as error:
            left = until - loop.time()
            if left <= 0 or not may_pass(error):
                raise
            if (cause := reason_of(error)) != told:
                log.warning("waiting for the database", cause=cause)
                told = cause
        else:
            if told is not None:
                log.info("the database answers")
            return result
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
