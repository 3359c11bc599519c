"""Writes down which generation of a session's tokens has reached its client. No request waits for it."""

import asyncio
from contextlib import suppress
from itertools import islice
from uuid import UUID

import structlog

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database

_PAUSE_SECONDS = 0.2
"""What is noted meanwhile is written together."""

_BATCH = 200
"""Sessions a transaction: on SQLite nobody else can write meanwhile."""

_MAX_NOTED = 10_000
"""Sessions. What cannot be written while the database is away is forgotten beyond it."""

log = structlog.get_logger()


class Arrivals:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[UUID, int] = {}
        self._wake = asyncio.Event()

    def note(self, session_id: UUID, generation: int) -> None:
        """Let it be written down soon that a token of this generation has reached the client."""
        if len(self._noted) < _MAX_NOTED:
            self._noted[session_id] = max(generation, self._noted.get(session_id, 0))
            self._wake.set()

    def noted(self, session_id: UUID) -> int:
        """The newest generation that is noted and perhaps not written yet; 0 if none is."""
        return self._noted.get(session_id, 0)

    async def run(self) -> None:
        """Write down what is noted until cancelled, and then the rest."""
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(_PAUSE_SECONDS)
                self._wake.clear()
                try:
                    await self._write()
                except StorageUnavailable:
                    self._wake.set()  # try again; the requests that need the database say that it is away
                except Exception:
                    log.exception("writing down which tokens arrived failed")
        finally:
            with suppress(StorageUnavailable):  # at worst a retry that comes late is believed once more
                await self._write()

    async def _write(self) -> None:
        while batch := dict(islice(self._noted.items(), _BATCH)):
            async with self._database.write(durable=False) as uow:
                await uow.sessions.mark_arrived(batch)
            for session_id, generation in batch.items():
                if self._noted.get(session_id) == generation:
                    del self._noted[session_id]
