"""Records when API keys were last used. No request waits for it."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from uuid import UUID

import structlog

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork

EXACTNESS = timedelta(minutes=5)
"""A process writes the use of a key at most once in this time."""

_PAUSE_SECONDS = 0.2
"""Uses that are noted during this pause are written together."""

_BATCH = 200
"""Keys in one transaction. A longer transaction would keep other writers of SQLite waiting."""

_MAX_NOTED = 10_000
"""Keys. During an outage of the database no more are noted."""

log = structlog.get_logger()


class ApiKeyUses:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[UUID, datetime] = {}
        self._wake = asyncio.Event()

    def note(self, key_id: UUID, at: datetime) -> None:
        """Note that the key was used. `run` writes it soon."""
        if len(self._noted) < _MAX_NOTED:
            self._noted[key_id] = at
            self._wake.set()

    async def run(self) -> None:
        """Write the noted uses until cancelled, and then the rest."""
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
                    log.exception("recording when API keys were used failed")
        finally:
            with suppress(StorageUnavailable):  # then the keys seem to have been used some minutes earlier
                await self._write()

    async def _write(self) -> None:
        while batch := dict(islice(self._noted.items(), _BATCH)):
            await self._database.write(partial(_record, uses=batch), durable=False)
            for key_id, at in batch.items():
                if self._noted.get(key_id) == at:
                    del self._noted[key_id]


def _record(uow: UnitOfWork, *, uses: Mapping[UUID, datetime]) -> None:
    uow.api_keys.record_uses(uses)
