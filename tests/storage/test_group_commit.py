"""How SQLite's writer commits units of work: those that wait in one transaction, each whole or not at all."""

import asyncio
import fcntl
import os
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event
from sqlalchemy.exc import ProgrammingError

from jwtapi.errors import StorageUnavailable
from jwtapi.storage import sqlite_units
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event
from jwtapi.storage.job import Job
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from jwtapi.storage.writer_lock import WriterLock
from tests.support.gate import Gate, held

Unit = Callable[[UnitOfWork], Any]

NEVER_ENDS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
NEVER_ENDS_TO_WRITE = f"INSERT INTO rate_limits (expires_at) {NEVER_ENDS}"
"""SQLite rolls back the whole transaction if it interrupts this one."""
NORMAL, FULL = 1, 2
"""Values of PRAGMA synchronous."""


@pytest.fixture
def path(migrated_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated_file, tmp_path / "test.db"))


@pytest.fixture
async def database(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A database whose transactions take units for a minute, so that a slow machine makes no difference."""
    monkeypatch.setattr(sqlite_units, "_MAX_BATCH_SECONDS", 60)
    database = Database(f"sqlite+aiosqlite:///{path}", wait_seconds=30)
    yield database
    await database.close()


@pytest.fixture
async def impatient(path: Path) -> AsyncIterator[Database]:
    """A database whose units give up after a fifth of a second."""
    database = Database(f"sqlite+aiosqlite:///{path}", wait_seconds=0.2)
    yield database
    await database.close()


def add(uow: UnitOfWork, name: str) -> None:
    uow.users.add(User(uuid4(), name, name, "hash", [], {}, datetime.now(UTC), None))
    uow.events.add(Event(0, datetime.now(UTC), "test.added", None, None, None, name))


def adding(name: str) -> Unit:
    """Make a unit that adds a user and an event with the user's name."""
    return lambda uow: add(uow, name)


def running(sql: str) -> Unit:
    return lambda uow: uow.connection.exec_driver_sql(sql).scalar()


async def names(database: Database) -> list[str]:
    return [user.username for user in await database.read(lambda uow: uow.users.list())]


async def waiting_for_the_writer(database: Database, *units: Unit, **options: Any) -> list[asyncio.Task[Any]]:
    """Submit units one after another while another unit has the writer."""
    before = database.connections().waiting
    tasks = [asyncio.create_task(database.write(unit, **options)) for unit in units]
    while database.connections().waiting < before + len(units):
        await asyncio.sleep(0)
    return tasks


async def in_one_batch(database: Database, *units: Unit, **options: Any) -> list[Any]:
    """Run the units in one transaction, and return their results or errors."""
    async with held(database.write):
        tasks = await waiting_for_the_writer(database, *units, **options)
    return await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def transactions(database: Database) -> Iterator[list[str]]:
    """Collect how the connections that are opened inside the block begin and end transactions."""
    sent: list[str] = []

    def trace(connection: Any, _: Any) -> None:
        connection.set_trace_callback(
            lambda sql: sent.append(sql) if sql.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA sync")) else None
        )

    event.listen(database.engine_of_units, "connect", trace)
    try:
        yield sent
    finally:
        event.remove(database.engine_of_units, "connect", trace)


async def transactions_after_another(database: Database, *units: Unit) -> list[str]:
    """Let the units wait together for another one, and return what was sent from the commit of that one on."""
    with transactions(database) as sent:
        async with held(database.write):
            tasks = await waiting_for_the_writer(database, *units)
            sent.clear()
        await asyncio.gather(*tasks)
    return sent


async def test_units_that_wait_together_are_committed_together(database: Database) -> None:
    sent = await transactions_after_another(database, *(adding(f"user{n}") for n in range(20)))
    assert sent == ["COMMIT", "BEGIN IMMEDIATE", "COMMIT"]
    assert len(await names(database)) == 20


async def test_a_unit_that_comes_alone_is_committed_alone_before_its_caller_goes_on(
    database: Database, path: Path
) -> None:
    other = sqlite3.connect(path)
    with transactions(database) as sent:
        for count in range(1, 4):
            await database.write(adding(f"user{count}"))
            assert other.execute("SELECT count(*) FROM users").fetchone() == (count,)
    assert sent == ["BEGIN IMMEDIATE", "COMMIT"] * 3
    other.close()


async def test_a_crowd_of_units_is_committed_in_several_transactions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_units, "_MAX_UNITS", 10)
    sent = await transactions_after_another(database, *(adding(f"user{n}") for n in range(25)))
    assert sent == ["COMMIT", *["BEGIN IMMEDIATE", "COMMIT"] * 3]
    assert len(await names(database)) == 25


async def test_a_unit_that_takes_long_is_the_last_of_its_transaction(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_units, "_MAX_BATCH_SECONDS", 0)
    sent = await transactions_after_another(database, adding("alice"), adding("bob"))
    assert sent == ["COMMIT", *["BEGIN IMMEDIATE", "COMMIT"] * 2]
    assert await names(database) == ["alice", "bob"]


async def test_each_unit_sees_what_the_units_before_it_wrote(database: Database) -> None:
    def add_and_count(uow: UnitOfWork) -> int:
        add(uow, uuid4().hex)
        return len(uow.users.list())

    assert await in_one_batch(database, *[add_and_count] * 5) == [1, 2, 3, 4, 5]


async def test_units_that_are_not_durable_are_durable_beside_one_that_is(database: Database) -> None:
    level = running("PRAGMA synchronous")
    assert await in_one_batch(database, level, level, durable=False) == [NORMAL, NORMAL]
    async with held(database.write):
        hasty = await waiting_for_the_writer(database, level, durable=False)
        durable = await waiting_for_the_writer(database, level)
        more = await waiting_for_the_writer(database, level, durable=False)
    assert await asyncio.gather(*hasty, *durable, *more) == [FULL, FULL, FULL]
    assert await in_one_batch(database, level, level, durable=False) == [NORMAL, NORMAL]


def fail_by_itself(uow: UnitOfWork) -> None:
    add(uow, "failed")
    raise LookupError


def fail_by_a_constraint(uow: UnitOfWork) -> None:
    add(uow, "failed")
    uow.connection.exec_driver_sql("INSERT INTO users SELECT * FROM users")


def fail_and_roll_back_the_transaction(uow: UnitOfWork) -> None:
    add(uow, "failed")
    uow.connection.exec_driver_sql("INSERT OR ROLLBACK INTO users SELECT * FROM users")


def fail_at_the_commit(uow: UnitOfWork) -> None:
    add(uow, "failed")
    uow.connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    uow.connection.exec_driver_sql(
        "INSERT INTO sessions (id, user_id, generation, key, created_at, refreshed_at, expires_at, ends_at)"
        " VALUES ('1', 'nobody', 0, '', '', '', '', '')"
    )


FAILURES = (fail_by_itself, fail_by_a_constraint, fail_and_roll_back_the_transaction, fail_at_the_commit)


@pytest.mark.parametrize("fail", FAILURES)
@pytest.mark.parametrize("place", (0, 1, 2))
@pytest.mark.parametrize("autocommit", (False, True))
async def test_a_unit_that_fails_leaves_the_others_of_its_transaction_committed(
    database: Database, fail: Unit, place: int, *, autocommit: bool
) -> None:
    heard: list[str] = []
    database.subscribe(lambda events: heard.extend(str(event.request_id) for event in events))
    units = [adding("alice"), adding("bob")]
    units.insert(place, fail)
    outcomes = await in_one_batch(database, *units, autocommit=autocommit)
    assert [type(outcome).__name__ for outcome in outcomes if outcome is not None] == [
        "LookupError" if fail is fail_by_itself else "IntegrityError"
    ]
    assert outcomes[place] is not None
    assert await names(database) == ["alice", "bob"]
    assert sorted(name for name in heard if name != "failed") == ["alice", "bob"]
    await database.write(adding("carol"))
    assert await names(database) == ["alice", "bob", "carol"]


async def test_a_unit_that_is_cancelled_before_it_begins_does_not_run(database: Database) -> None:
    async with held(database.write):
        tasks = await waiting_for_the_writer(database, adding("alice"), adding("cancelled"), adding("bob"))
        tasks[1].cancel()
        await asyncio.wait([tasks[1]])
    await asyncio.gather(tasks[0], tasks[2])
    assert await names(database) == ["alice", "bob"]


async def test_a_unit_that_is_cancelled_while_it_runs_is_committed_whole_and_its_events_are_announced(
    database: Database,
) -> None:
    heard: list[str] = []
    database.subscribe(lambda events: heard.extend(str(event.request_id) for event in events))
    gate = Gate()

    def add_slowly(uow: UnitOfWork) -> None:
        add(uow, "cancelled, first part")
        gate.hold(uow)
        add(uow, "cancelled, second part")

    async with held(database.write):
        tasks = await waiting_for_the_writer(database, adding("alice"), add_slowly, adding("bob"))
    await gate.reached.wait()
    tasks[1].cancel()
    await asyncio.wait([tasks[1]])
    assert tasks[1].cancelled()
    gate.open()
    await asyncio.gather(tasks[0], tasks[2])
    added = ["alice", "bob", "cancelled, first part", "cancelled, second part"]
    assert await names(database) == added
    assert sorted(heard) == added


@pytest.mark.parametrize("endless", (NEVER_ENDS, NEVER_ENDS_TO_WRITE))
async def test_a_unit_that_never_ends_is_interrupted_and_leaves_the_others_of_its_transaction_committed(
    path: Path, endless: str
) -> None:
    # Without a Database, because its callers give up before the unit after theirs is interrupted.
    units = sqlite_units.SqliteUnits(path, wait_seconds=0.2, on_events=lambda _: None)
    gate = Gate()
    tasks = []
    for unit in (gate.hold, adding("alice"), running(endless), adding("bob")):
        tasks.append(asyncio.create_task(units.run(Job(unit, writes=True))))
        await asyncio.sleep(0)
    await gate.reached.wait()
    gate.open()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == ["NoneType", "NoneType", "OperationalError", "NoneType"]
    found = await units.run(Job(lambda uow: [user.username for user in uow.users.list()], writes=True))
    assert found == ["alice", "bob"]
    await units.close()


async def test_the_next_unit_works_after_one_that_never_ended(impatient: Database) -> None:
    for endless in (NEVER_ENDS, NEVER_ENDS_TO_WRITE):
        with pytest.raises(StorageUnavailable):
            await impatient.write(running(endless))
    while impatient.connections().in_use:
        await asyncio.sleep(0.001)
    await impatient.write(adding("alice"))
    assert await names(impatient) == ["alice"]


async def all_readers_are_interrupted(impatient: Database) -> None:
    """Check that units that never end occupy no reader for long."""
    endless = [impatient.read(running(NEVER_ENDS)) for _ in range(impatient.connections().most)]
    outcomes = await asyncio.gather(*endless, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}
    async with asyncio.timeout(10):
        while impatient.connections().in_use:
            await asyncio.sleep(0.001)
    assert await names(impatient) == []


async def test_units_that_read_and_never_end_are_interrupted(impatient: Database) -> None:
    await all_readers_are_interrupted(impatient)


async def test_a_unit_whose_caller_gave_up_does_not_run_later(impatient: Database) -> None:
    gate = Gate()
    holding = asyncio.create_task(impatient.write(gate.hold))
    await gate.reached.wait()
    (given_up,) = await waiting_for_the_writer(impatient, adding("too late"))
    outcomes = await asyncio.gather(holding, given_up, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable, StorageUnavailable]
    gate.open()
    while impatient.connections()[1:] != (0, 0):
        await asyncio.sleep(0.001)
    await impatient.write(adding("alice"))
    assert await names(impatient) == ["alice"]


async def test_a_user_of_the_machine_who_can_open_the_folder_does_not_hold_up_the_writer(
    impatient: Database, path: Path
) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    await impatient.write(adding("alice"))
    os.close(folder)
    assert path.with_name("test.db-lock").stat().st_mode & 0o777 == 0o600


async def test_two_processes_write_in_turns(impatient: Database, path: Path) -> None:
    with WriterLock(path), pytest.raises(StorageUnavailable):
        await impatient.write(adding("alice"))
    await impatient.write(adding("bob"))
    assert await names(impatient) == ["bob"]


async def test_a_unit_is_refused_immediately_while_too_many_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_units, "_MAX_WAITING", 2)
    async with held(database.write):
        tasks = await waiting_for_the_writer(database, adding("alice"), adding("bob"))
        with pytest.raises(StorageUnavailable):
            await database.write(adding("carol"))
    await asyncio.gather(*tasks)
    assert await names(database) == ["alice", "bob"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_writer_that_died_is_replaced(database: Database) -> None:
    before = set(threading.enumerate())
    await database.write(adding("alice"))
    (writer,) = set(threading.enumerate()) - before
    queue: Any = database._units._writer._queue  # type: ignore[attr-defined]  # noqa: SLF001
    queue.put("no ticket")
    while writer.is_alive():
        await asyncio.sleep(0.001)
    await database.write(adding("bob"))
    assert await names(database) == ["alice", "bob"]


def close_the_connection(uow: UnitOfWork) -> None:
    connection: Any = uow.connection.connection.dbapi_connection
    connection.close()


async def test_a_broken_connection_of_the_writer_is_replaced(database: Database) -> None:
    outcomes = await in_one_batch(database, adding("alice"), close_the_connection, adding("bob"))
    assert [type(outcome).__name__ for outcome in outcomes] == ["NoneType", "StorageUnavailable", "NoneType"]
    await database.write(adding("carol"))
    assert await names(database) == ["alice", "bob", "carol"]


async def test_a_broken_connection_of_a_reader_is_replaced_by_one_that_interrupts_units_too(
    impatient: Database,
) -> None:
    readers = impatient.connections().most - 1
    gate = Gate()

    def close_when_all_run(uow: UnitOfWork) -> None:
        gate.hold(uow)
        close_the_connection(uow)

    closing = [asyncio.create_task(impatient.read(close_when_all_run)) for _ in range(readers)]
    while impatient.connections().in_use < readers:
        await asyncio.sleep(0)
    gate.open()
    await asyncio.wait(closing)
    broken = 0
    while broken < readers:
        outcomes = await asyncio.gather(*(names(impatient) for _ in range(readers)), return_exceptions=True)
        broken += len([outcome for outcome in outcomes if isinstance(outcome, ProgrammingError)])
    await all_readers_are_interrupted(impatient)


async def test_closing_the_database_lets_the_units_that_wait_end(database: Database) -> None:
    before = set(threading.enumerate())
    async with held(database.write):
        tasks = await waiting_for_the_writer(database, *(adding(f"user{n}") for n in range(5)))
        assert set(threading.enumerate()) > before
        closing = asyncio.create_task(database.close())
        await asyncio.sleep(0)
    await closing
    assert await asyncio.gather(*tasks) == [None] * 5
    assert {thread for thread in threading.enumerate() if thread.name in {"_Writer", "_Readers"}} <= before
    assert len(await names(database)) == 5


def test_a_unit_that_ends_after_its_event_loop_is_committed_and_stops_nothing(path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{path}", wait_seconds=30)
    begun, go_on = threading.Event(), threading.Event()

    def add_slowly(uow: UnitOfWork) -> None:
        begun.set()
        go_on.wait()
        add(uow, "alice")

    async def leave_while_it_runs() -> None:
        writing = asyncio.create_task(database.write(add_slowly))
        await asyncio.to_thread(begun.wait)
        assert not writing.done()

    async def use_again() -> list[str]:
        await database.write(adding("bob"))
        found = await names(database)
        await database.close()
        return found

    asyncio.run(leave_while_it_runs())
    go_on.set()
    assert asyncio.run(use_again()) == ["alice", "bob"]
