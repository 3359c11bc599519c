"""Writes values that no request waits for: many together, soon after they were noted."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Generic, TypeVar
from uuid import UUID

import structlog

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork

_PAUSE_SECONDS = 0.2
"""Values that are noted during this pause are written together."""

_BATCH = 200
"""Values in one transaction. A longer transaction would keep other writers of SQLite waiting."""

_MAX_NOTED = 10_000
"""Values. During an outage of the database no more are noted."""

Value = TypeVar("Value")

log = structlog.get_logger()


class WriteBehind(Generic[Value]):
    """Keeps the newest value of each id until it is written. What a process has not written is lost if it is killed."""

    def __init__(
        self,
        database: Database,
        store: Callable[[UnitOfWork, Mapping[UUID, Value]], None],
        *,
        on_failure: str,
        autocommit: bool = False,
    ) -> None:
        """`on_failure` is the event that is logged if `store` fails for another reason than an outage.

        `autocommit` as in `Database.write`, for a `store` of one statement.
        """
        self._database = database
        self._store = store
        self._autocommit = autocommit
        self._on_failure = on_failure
        self._noted: dict[UUID, Value] = {}
        self._wake = asyncio.Event()

    def note(self, id_: UUID, value: Value) -> None:
        """Let `run` write the value soon."""
        if len(self._noted) < _MAX_NOTED:
            self._noted[id_] = value
            self._wake.set()

    def noted(self, id_: UUID) -> Value | None:
        """Return the value that is noted but perhaps not written yet."""
        return self._noted.get(id_)

    async def run(self) -> None:
        """Write the noted values until cancelled, and then the rest."""
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
                    log.exception(self._on_failure)
        finally:
            with suppress(StorageUnavailable):  # whatever is noted may be lost
                await self._write()

    async def _write(self) -> None:
        while batch := dict(islice(self._noted.items(), _BATCH)):
            await self._database.write(
                partial(self._store_batch, batch=batch), durable=False, autocommit=self._autocommit
            )
            for id_, value in batch.items():
                if self._noted.get(id_) == value:
                    del self._noted[id_]

    def _store_batch(self, uow: UnitOfWork, *, batch: Mapping[UUID, Value]) -> None:
        self._store(uow, batch)
