"""Whether this process can serve, as `GET /health/ready` tells."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database, OutdatedSchema
from jwtapi.storage.faults import has_answered, reason_of
from jwtapi.storage.migrations import UnusableSchema

REMEMBERED_SECONDS = 1
"""How long it counts that all was well. What was wrong is looked at anew each time, so that it is over at once."""

log = structlog.get_logger()


class _Fault(NamedTuple):
    event: str
    cause: str | None


class Readiness:
    """However many ask at a time, one looks; and of what goes wrong the log has one line, and one when it is over."""

    def __init__(self, database: Database, *, remembered_seconds: float = REMEMBERED_SECONDS) -> None:
        self._database = database
        self._remembered_seconds = remembered_seconds
        self._look: asyncio.Task[bool] | None = None
        self._is_good_until = float("-inf")
        self._fault: _Fault | None = None
        self.is_withdrawn = False
        """This process is about to stop, and wants no more requests."""
        self._on_withdrawal: list[Callable[[], None]] = []

    def when_withdrawn(self, act: Callable[[], None]) -> None:
        self._on_withdrawal.append(act)

    def withdraw(self) -> None:
        self.is_withdrawn = True
        for act in self._on_withdrawal:
            act()

    async def check(self) -> bool:
        """Tell whether a login would find the database as it needs it."""
        if time.monotonic() < self._is_good_until:
            return True
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._look_now(), name="readiness")
        return await asyncio.shield(self._look)  # who asked first may be gone before the others

    async def _look_now(self) -> bool:
        fault, before = await self._find_fault(), self._fault
        self._fault = fault
        if fault is None:
            self._is_good_until = time.monotonic() + self._remembered_seconds
            if before is not None:
                log.info("the database is ready again")
        elif fault != before:
            log.error(fault.event, **({"cause": fault.cause} if fault.cause is not None else {}))
        return fault is None

    async def _find_fault(self) -> _Fault | None:
        try:
            await self._database.check()
            await self._database.rehearse_login()
        except OutdatedSchema:
            return _Fault("the database schema is out of date; run `jwtapi migrate`", None)
        except UnusableSchema as error:
            return _Fault("the database has a schema that jwtapi did not make", str(error))
        except StorageUnavailable as error:
            event = "the database refuses what a login needs" if has_answered(error) else "the database does not answer"
            return _Fault(event, reason_of(error))
        return None
