"""Runs units of work on PostgreSQL, on the connections of a pool."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from jwtapi.storage.connections import Connections
from jwtapi.storage.engine import with_transactions
from jwtapi.storage.events import Event
from jwtapi.storage.job import Job, PoolState


class PostgresqlUnits:
    def __init__(
        self, engine: AsyncEngine, connections: Connections, on_events: Callable[[Sequence[Event]], None]
    ) -> None:
        self.engine = engine.sync_engine
        """For the events of SQLAlchemy."""
        self._autocommitting = engine
        self._transacting = with_transactions(engine)
        self._connections = connections
        self._on_events = on_events
        self._waiting = 0

    async def run(self, job: Job) -> Any:
        """Run the job, and return the result of its unit, or raise its error."""
        in_transaction = job.writes and not job.autocommit
        self._waiting += 1
        try:
            async with self._connections.connection(
                self._transacting if in_transaction else self._autocommitting
            ) as connection:
                return await connection.run_sync(self._transact if in_transaction else self._run, job)
        finally:
            if job.begun_at is None:
                self._waiting -= 1
            # Announce them even if the commit failed: perhaps only its answer was lost, not the commit.
            if job.events:
                self._on_events(job.events)

    def state(self) -> PoolState:
        pool: Any = self.engine.pool
        return PoolState(most=pool.size(), in_use=pool.checkedout(), waiting=self._waiting)

    async def close(self) -> None:
        """Does nothing: the owner of the engine closes it."""

    def _run(self, connection: Connection, job: Job) -> Any:
        self._waiting -= 1
        return job.run(connection)

    def _transact(self, connection: Connection, job: Job) -> Any:
        with connection.begin():
            return self._run(connection, job)
