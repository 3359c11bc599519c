"""Waits for a database that does not answer yet, because it starts at the same time as this server."""

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
    """Repeat `use` for up to `seconds` while it fails because of an outage. Log each new cause once.

    Raises:
        StorageUnavailable: the time has passed, or the cause is no outage, such as a wrong password.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    pause = _FIRST_PAUSE_SECONDS
    logged = None
    while True:
        try:
            result = await use()
        except StorageUnavailable as error:
            left = until - loop.time()
            if left <= 0 or not may_pass(error):
                raise
            if (cause := reason_of(error)) != logged:
                log.warning("waiting for the database", cause=cause)
                logged = cause
        else:
            if logged is not None:
                log.info("the database answers")
            return result
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
