"""Records which generation of a session's tokens has reached its client. No request waits for it."""

from collections.abc import Mapping
from uuid import UUID

from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.write_behind import WriteBehind


class Arrivals:
    def __init__(self, database: Database) -> None:
        # If the last ones are lost, a late retry with an old token may succeed once more.
        self._generations = WriteBehind(
            database, _mark_arrived, on_failure="recording which tokens arrived failed", autocommit=True
        )
        self.run = self._generations.run

    def note(self, session_id: UUID, generation: int) -> None:
        """Note that a token of this generation has reached the client. `run` writes it soon."""
        self._generations.note(session_id, max(generation, self.noted(session_id)))

    def noted(self, session_id: UUID) -> int:
        """Return the newest generation that is noted but perhaps not written yet, or 0."""
        return self._generations.noted(session_id) or 0


def _mark_arrived(uow: UnitOfWork, generations: Mapping[UUID, int]) -> None:
    uow.sessions.mark_arrived(generations)
