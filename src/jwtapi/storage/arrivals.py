"""Records which generation of a session's tokens has reached its client. No request waits for it."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from uuid import UUID

import structlog

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork

_PAUSE_SECONDS = 0.2
"""Generations that are noted during this pause are written together."""

_BATCH = 200
"""Sessions in one transaction. A longer transaction would keep other writers of SQLite waiting."""

_MAX_NOTED = 10_000
"""Sessions. During an outage of the database no more are noted."""

log = structlog.get_logger()


class Arrivals:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[UUID, int] = {}
        self._wake = asyncio.Event()

    def note(self, session_id: UUID, generation: int) -> None:
        """Note that a token of this generation has reached the client. `run` writes it soon."""
        if len(self._noted) < _MAX_NOTED:
            self._noted[session_id] = max(generation, self._noted.get(session_id, 0))
            self._wake.set()

    def noted(self, session_id: UUID) -> int:
        """Return the newest generation that is noted but perhaps not written yet, or 0."""
        return self._noted.get(session_id, 0)

    async def run(self) -> None:
        """Write the noted generations until cancelled, and then the rest."""
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(_PAUSE_SECONDS)
                self._wake.clear()
                try:
                    await self._write()
                except StorageUnavailable:
                    self._wake.set()  # try again; the requests that fail log the outage
                except Exception:
                    log.exception("recording which tokens arrived failed")
        finally:
            with suppress(StorageUnavailable):  # then a late retry with an old token may succeed once more
                await self._write()

    async def _write(self) -> None:
        while batch := dict(islice(self._noted.items(), _BATCH)):
            await self._database.write(partial(_mark_arrived, generations=batch), durable=False, autocommit=True)
            for session_id, generation in batch.items():
                if self._noted.get(session_id) == generation:
                    del self._noted[session_id]


def _mark_arrived(uow: UnitOfWork, *, generations: Mapping[UUID, int]) -> None:
    uow.sessions.mark_arrived(generations)
