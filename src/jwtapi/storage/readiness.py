"""Decides whether this process can serve requests, for `GET /health/ready`."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database, OutdatedSchema
from jwtapi.storage.faults import has_answered, reason_of
from jwtapi.storage.migrations import UnusableSchema

REUSE_SECONDS = 1
"""How long a good result is reused. A bad result is never reused, so a recovery is noticed immediately."""

log = structlog.get_logger()


class _Fault(NamedTuple):
    event: str
    cause: str | None


class Readiness:
    """Simultaneous requests share one check. A fault is logged once when it appears, and its end once."""

    def __init__(self, database: Database, *, reuse_seconds: float = REUSE_SECONDS) -> None:
        self._database = database
        self._reuse_seconds = reuse_seconds
        self._check: asyncio.Task[bool] | None = None
        self._is_good_until = float("-inf")
        self._fault: _Fault | None = None
        self.is_withdrawn = False
        """Whether this process is about to stop, and accepts no more requests."""
        self._on_withdrawal: list[Callable[[], None]] = []

    def when_withdrawn(self, act: Callable[[], None]) -> None:
        """Call `act` when a drain begins, and when the server stops: perhaps several times."""
        self._on_withdrawal.append(act)

    def withdraw(self) -> None:
        self.is_withdrawn = True
        for act in self._on_withdrawal:
            act()

    async def check(self) -> bool:
        """Return whether the database can serve a login."""
        if time.monotonic() < self._is_good_until:
            return True
        if self._check is None or self._check.done():
            self._check = asyncio.create_task(self._run_check(), name="readiness")
        return await asyncio.shield(self._check)  # the others still wait if the first request is cancelled

    async def _run_check(self) -> bool:
        fault, before = await self._find_fault(), self._fault
        self._fault = fault
        if fault is None:
            self._is_good_until = time.monotonic() + self._reuse_seconds
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
