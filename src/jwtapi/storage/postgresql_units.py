"""Runs units of work on PostgreSQL, on the connections of a pool.

A whole unit runs in one greenlet of SQLAlchemy, from the pool's connection to its return. `AsyncConnection` would make
three, and a task, which together take longer than a statement. This file leans on `greenlet_spawn`, which SQLAlchemy's
own asynchronous classes use, but which is not documented.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

from jwtapi.storage.connections import Connections
from jwtapi.storage.engine import with_transactions
from jwtapi.storage.events import Event
from jwtapi.storage.faults import is_out_of_connections
from jwtapi.storage.job import Job, PoolState


class PostgresqlUnits:
    def __init__(
        self,
        engine: AsyncEngine,
        connections: Connections,
        *,
        most: int,
        on_events: Callable[[Sequence[Event]], None],
    ) -> None:
        """At most `most` units run simultaneously. `on_events` is called with the events of each unit when it ends."""
        self.engine = engine.sync_engine
        """For the events of SQLAlchemy."""
        self._autocommitting = engine
        self._transacting = with_transactions(engine)
        self._connections = connections
        self._on_events = on_events
        self._waiting = 0
        # Units wait here, because this queue is fair. At the pool a unit that comes later may take the connection that
        # another one has waited for.
        self._free = asyncio.Semaphore(most)

    async def run(self, job: Job) -> Any:
        """Run the job, and return the result of its unit, or raise its error."""
        transacts = job.writes and not job.autocommit
        engine, run = (self._transacting, self._transact) if transacts else (self._autocommitting, self._run)
        self._waiting += 1
        try:
            async with self._free:
                try:
                    return await greenlet_spawn(self._connect_and_run, engine.sync_engine, run, job)
                except DBAPIError as error:
                    if job.begun_at is not None or not is_out_of_connections(error):
                        raise
                async with self._connections.free_connection(engine) as connection:
                    return await connection.run_sync(run, job)
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

    @staticmethod
    def _connect_and_run(engine: Engine, run: Callable[[Connection, Job], Any], job: Job) -> Any:
        with engine.connect() as connection:
            return run(connection, job)

    def _run(self, connection: Connection, job: Job) -> Any:
        self._waiting -= 1
        return job.run(connection)

    def _transact(self, connection: Connection, job: Job) -> Any:
        with connection.begin():
            return self._run(connection, job)
