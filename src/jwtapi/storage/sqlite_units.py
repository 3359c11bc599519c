"""Runs units of work on SQLite: reads on a few threads, and writes on one thread that commits many of them together.

A unit crosses to the thread of a connection once, and its statements run there one after another. The writer takes all
units that wait, runs each in a savepoint of one transaction, and waits for the disk once for all of them. A unit that
comes alone waits for nobody. See docs/decisions/0035-how-a-write-reaches-the-disk.md.
"""

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from contextvars import copy_context
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from sqlalchemy import Connection, Engine

from jwtapi.storage.engine import begin_writing, open_sqlite_for_units
from jwtapi.storage.events import Event
from jwtapi.storage.job import Job, PoolState
from jwtapi.storage.writer_lock import WriterLock

_READERS = 2
"""More would not be faster, because only one thread runs Python at a time. One alone would wait for a slow query."""

_MAX_UNITS = 64
"""Units in one transaction. The first of them waits for all others."""

_MAX_WAITING = 2000
"""Units. So many wait only if the database does not answer. Those whose callers have gone are among them."""

_MAX_BATCH_SECONDS = 0.05
"""After so long a transaction takes no further unit. On SQLite no other process can write meanwhile."""

_STEPS = 100_000
"""Steps of SQLite's machine, some milliseconds, between two looks at the clock."""


class _Ticket:
    """A job on its way to a thread and back."""

    __slots__ = ("context", "deadline", "error", "future", "is_abandoned", "job", "result")

    def __init__(self, job: Job, deadline: float) -> None:
        self.job = job
        self.context = copy_context()
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.deadline = deadline
        """When its caller gives up and its statements are interrupted, in seconds of the monotonic clock."""
        self.is_abandoned = False
        """Whether nobody waits for it any more. A unit that has not begun is left out then."""
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, connection: "_ThreadConnection") -> None:
        """Run the unit. An error of the unit is kept, because it belongs to the caller alone."""
        self.error = None
        try:
            self.result = self.context.run(self.job.run, connection.get(until=self.deadline))
        except BaseException as error:  # noqa: BLE001  see above
            self.error = error


class _TransactionLost(Exception):
    """The transaction cannot be committed, because of an error that no savepoint contains."""


class _ThreadConnection:
    """The connection of one thread. It is opened when first used, and again after it became unusable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._deadline = inf

    def get(self, *, until: float = inf) -> Connection:
        """Return the connection. Its statements are interrupted at `until`, in seconds of the monotonic clock."""
        if self._connection is None:
            self._connection = self._engine.connect()
            self.driver.set_progress_handler(self._is_late, _STEPS)
        self._deadline = until
        return self._connection

    @property
    def driver(self) -> Any:
        """The connection of the module sqlite3, which runs a savepoint in a tenth of SQLAlchemy's time."""
        return self.get().connection.dbapi_connection

    def is_in_transaction(self) -> bool:
        connection = self._connection
        return connection is not None and not connection.invalidated and bool(self.driver.in_transaction)

    def renew(self) -> None:
        """Close the connection, so that the next unit gets a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def renew_if_unusable(self) -> None:
        if self._connection is not None and self._connection.invalidated:
            self.renew()

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline


class _Threads(ABC):
    """Threads that take jobs from one queue. A thread that has died is replaced when the next job comes."""

    def __init__(
        self, engine: Engine, most: int, unit_seconds: float, on_events: Callable[[Sequence[Event]], None]
    ) -> None:
        self._engine = engine
        self._unit_seconds = unit_seconds
        self._on_events = on_events
        self.most = most
        self._busy: set[int] = set()
        """The threads that run a unit now, by their ids."""
        self._queue: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    async def run(self, job: Job) -> Any:
        """Run the job on a thread, and return the result of its unit, or raise its error.

        Raises:
            TimeoutError: too many jobs wait already.
        """
        if self._queue.qsize() >= _MAX_WAITING:
            raise TimeoutError
        ticket = _Ticket(job, time.monotonic() + self._unit_seconds)
        self._queue.put(ticket)
        self._start_threads()
        try:
            return await ticket.future
        finally:
            ticket.is_abandoned = True

    def busy(self) -> int:
        """Return how many threads run a unit now."""
        return len(self._busy)

    def waiting(self) -> int:
        """Return how many units wait for a thread."""
        return self._queue.qsize()

    async def close(self) -> None:
        """End the threads after the jobs that wait."""
        threads, self._threads = self._threads, []
        for _ in threads:
            self._queue.put(None)
        for thread in threads:
            await asyncio.to_thread(thread.join, self._unit_seconds)

    def _start_threads(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if not self._threads or (len(self._threads) < self.most and self._queue.qsize() > 0):
            # A daemon, so that a program can end that forgets to close its database.
            thread = threading.Thread(target=self._work, name=type(self).__name__, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        connection = _ThreadConnection(self._engine)
        me = threading.get_ident()
        try:
            while (tickets := self._take()) is not None:
                self._busy.add(me)
                loop = tickets[0].future.get_loop()
                for done in self._run(connection, tickets):
                    with suppress(RuntimeError):  # the event loop has ended, and so has everybody who waited
                        loop.call_soon_threadsafe(self._deliver, done)
                self._busy.discard(me)
        finally:
            self._busy.discard(me)
            connection.renew()

    def _take(self) -> list[_Ticket] | None:
        """Wait for the next jobs. Return None if the thread has to end."""
        ticket = self._queue.get()
        return None if ticket is None else [ticket]

    @abstractmethod
    def _run(self, connection: _ThreadConnection, tickets: Sequence[_Ticket]) -> Iterator[Sequence[_Ticket]]:
        """Run the jobs, and yield those that are done."""

    def _deliver(self, tickets: Sequence[_Ticket]) -> None:
        """On the event loop: wake the callers, and announce the events before one of them goes on."""
        for ticket in tickets:
            if ticket.future.done():
                continue
            if ticket.error is not None:
                ticket.future.set_exception(ticket.error)
            else:
                ticket.future.set_result(ticket.result)
        # Even if the commit failed, because perhaps only its answer was lost. Even if the caller has gone.
        if events := [event for ticket in tickets for event in ticket.job.events]:
            self._on_events(events)


class _Readers(_Threads):
    """Each statement of a unit sees everything that was committed before the statement."""

    def _run(self, connection: _ThreadConnection, tickets: Sequence[_Ticket]) -> Iterator[Sequence[_Ticket]]:
        for ticket in tickets:
            if not ticket.is_abandoned:
                ticket.run(connection)
                connection.renew_if_unusable()
        yield tickets


class _Writer(_Threads):
    """The only thread of this process that writes."""

    def __init__(
        self, engine: Engine, unit_seconds: float, on_events: Callable[[Sequence[Event]], None], path: Path
    ) -> None:
        super().__init__(engine, 1, unit_seconds, on_events)
        self._lock = WriterLock(path)

    async def close(self) -> None:
        await super().close()
        self._lock.close()

    def _take(self) -> list[_Ticket] | None:
        """Take all jobs that wait, up to a bound."""
        tickets = super()._take()
        while tickets is not None and len(tickets) < _MAX_UNITS:
            try:
                ticket = self._queue.get_nowait()
            except Empty:
                break
            if ticket is None:
                self._queue.put(None)  # end after these jobs
                break
            tickets.append(ticket)
        return tickets

    def _run(self, connection: _ThreadConnection, tickets: Sequence[_Ticket]) -> Iterator[Sequence[_Ticket]]:
        left = tickets
        while left:
            with self._lock:
                done = self._commit(connection, left)
            yield done
            left = left[len(done) :]

    def _commit(self, connection: _ThreadConnection, tickets: Sequence[_Ticket]) -> Sequence[_Ticket]:
        """Run the jobs in one transaction, and return those that are done: all, or the first of them."""
        if all(ticket.is_abandoned for ticket in tickets):
            return tickets
        try:
            begin_writing(connection.get(), durable=any(ticket.job.durable for ticket in tickets))
        except Exception as error:  # noqa: BLE001  the callers get it
            connection.renew()
            for ticket in tickets:
                ticket.error = error
            return tickets
        begun: list[_Ticket] = []
        try:
            self._run_units(connection, tickets, begun)
            connection.get().commit()
        except Exception as error:  # noqa: BLE001  the callers get it
            connection.renew()
            self._repeat(connection, begun, error)
        return begun

    def _repeat(self, connection: _ThreadConnection, tickets: Sequence[_Ticket], error: Exception) -> None:
        """Run each job whose unit had succeeded again, alone, because the transaction of all was lost."""
        succeeded = [ticket for ticket in tickets if ticket.error is None]
        if len(tickets) > 1:
            for ticket in succeeded:
                self._commit(connection, [ticket])
        else:
            for ticket in succeeded:
                ticket.error = error

    @staticmethod
    def _run_units(connection: _ThreadConnection, tickets: Sequence[_Ticket], begun: list[_Ticket]) -> None:
        """Run the units, each in a savepoint. Leave the rest for the next transaction if that takes long.

        Raises:
            _TransactionLost
        """
        execute = connection.driver.execute
        until = time.monotonic() + _MAX_BATCH_SECONDS
        for ticket in tickets:
            begun.append(ticket)
            if ticket.is_abandoned:
                continue
            # A unit with `autocommit` has hardly a reason to fail, and most refreshes are such units. It costs a
            # savepoint less each time, and its failure costs the whole transaction.
            has_savepoint = not ticket.job.autocommit
            if has_savepoint:
                execute("SAVEPOINT unit")
            ticket.run(connection)
            if ticket.error is not None:
                if not has_savepoint or not connection.is_in_transaction():
                    raise _TransactionLost
                execute("ROLLBACK TO unit")
            if has_savepoint:
                execute("RELEASE unit")
            if time.monotonic() > until:
                return


class SqliteUnits:
    """Runs units of work on SQLite."""

    def __init__(self, path: Path, *, wait_seconds: float, on_events: Callable[[Sequence[Event]], None]) -> None:
        """A unit may take `wait_seconds`. `on_events` is called with the events of each unit when it ends.

        Raises:
            OSError: the file cannot be created.
        """
        self.engine = open_sqlite_for_units(path, wait_seconds=wait_seconds)
        """For the events of SQLAlchemy."""
        self._readers = _Readers(self.engine, _READERS, wait_seconds, on_events)
        self._writer = _Writer(self.engine, wait_seconds, on_events, path)

    async def run(self, job: Job) -> Any:
        """Run the job, and return the result of its unit, or raise its error."""
        return await (self._writer if job.writes else self._readers).run(job)

    def state(self) -> PoolState:
        threads = (self._readers, self._writer)
        return PoolState(
            most=sum(each.most for each in threads),
            in_use=sum(each.busy() for each in threads),
            waiting=sum(each.waiting() for each in threads),
        )

    async def close(self) -> None:
        """Let the units that wait end, and close the connections."""
        await self._readers.close()
        await self._writer.close()
