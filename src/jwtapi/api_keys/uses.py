"""Records when API keys were last used. No request waits for it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.write_behind import WriteBehind

EXACTNESS = timedelta(minutes=5)
"""A process writes the use of a key at most once in this time."""


class ApiKeyUses:
    def __init__(self, database: Database) -> None:
        # If the last ones are lost, the keys seem to have been used some minutes earlier.
        uses = WriteBehind(database, _record, on_failure="recording when API keys were used failed")
        self.note, self.run = uses.note, uses.run


def _record(uow: UnitOfWork, uses: Mapping[UUID, datetime]) -> None:
    uow.api_keys.record_uses(uses)
