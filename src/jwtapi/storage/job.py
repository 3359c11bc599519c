"""A unit of work that is to be run, and how it went."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from jwtapi.storage.events import Event
from jwtapi.storage.unit_of_work import UnitOfWork


class PoolState(NamedTuple):
    """The connections of this process that run units of work."""

    most: int
    in_use: int
    waiting: int
    """Units that still wait for a connection."""


class Job:
    __slots__ = ("autocommit", "begun_at", "durable", "events", "unit", "writes")

    def __init__(
        self, unit: Callable[[UnitOfWork], Any], *, writes: bool, durable: bool = True, autocommit: bool = False
    ) -> None:
        """The parameters are those of `Database.write`."""
        self.unit = unit
        self.writes = writes
        self.durable = durable
        self.autocommit = autocommit
        self.begun_at: float | None = None
        """When the unit began to run, in seconds of the monotonic clock."""
        self.events: Sequence[Event] = ()
        """The events that it added, whether it was committed or not."""

    def run(self, connection: Connection) -> Any:
        """Run the unit, and return its result or raise its error."""
        self.begun_at = time.monotonic()
        uow = UnitOfWork(connection)
        self.events = uow.events.added
        return self.unit(uow)
