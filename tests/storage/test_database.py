import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database, OutdatedSchema
from jwtapi.storage.schema import metadata
from jwtapi.storage.sessions import Session, SessionOfUser
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from tests.support.gate import held
from tests.support.rights import as_nobody, folder_for_all

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "test.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{path}")
    await database.migrate()
    yield database
    await database.close()


@pytest.fixture
async def impatient(path: Path) -> AsyncIterator[Database]:
    """A database whose units give up after a fifth of a second."""
    database = Database(f"sqlite+aiosqlite:///{path}", wait_seconds=0.2)
    await database.migrate()
    yield database
    await database.close()


def new_user(name: str = "alice") -> User:
    return User(uuid4(), name, name, "hash", [], {}, datetime.now(UTC), None)


async def names(database: Database) -> list[str]:
    return [user.username for user in await database.read(lambda uow: uow.users.list())]


async def add_user(database: Database, name: str = "alice") -> None:
    await database.write(lambda uow: uow.users.add(new_user(name)))


async def test_an_answer_that_came_while_the_loop_stood_still_counts(impatient: Database) -> None:
    adding = asyncio.create_task(add_user(impatient))
    while not impatient.connections().in_use:
        await asyncio.sleep(0)
    time.sleep(0.5)  # noqa: ASYNC251  no loop can be awaited while it stands still
    await adding
    assert await names(impatient) == ["alice"]


async def test_the_end_of_a_unit_that_writes_commits(database: Database) -> None:
    await add_user(database)
    assert await names(database) == ["alice"]


async def test_an_exception_in_a_unit_that_writes_rolls_back(database: Database) -> None:
    def add_and_fail(uow: UnitOfWork) -> None:
        uow.users.add(new_user())
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(add_and_fail)
    assert await names(database) == []


async def test_the_database_returns_times_as_they_were_stored(database: Database) -> None:
    user = new_user()
    await database.write(lambda uow: uow.users.add(user))
    assert await database.read(lambda uow: uow.users.get(user.id)) == user


async def test_users_are_listed_a_page_at_a_time(database: Database) -> None:
    for name in ("carol", "alice", "bob"):
        await add_user(database, name)
    first = await database.read(lambda uow: uow.users.list(limit=2))
    assert [user.username for user in first] == ["alice", "bob"]
    last = await database.read(lambda uow: uow.users.list(after="bob"))
    assert [user.username for user in last] == ["carol"]


async def test_a_session_that_was_rotated_by_another_is_not_rotated_again(database: Database) -> None:
    user, now = new_user(), datetime.now(UTC)
    later = now.replace(year=now.year + 1)
    session = Session(uuid4(), user.id, 0, b"k" * 32, now, now, later, later, None)
    assert "kkk" not in repr(session)

    def rotate_twice(uow: UnitOfWork) -> list[SessionOfUser | None]:
        uow.users.add(user)
        uow.sessions.add(session)
        return [uow.sessions.rotate(session.id, user.id, 0, now=now, idle_until=later) for _ in range(2)]

    first, second = await database.write(rotate_twice)
    assert first is not None
    assert first.session.generation == 1
    assert second is None


def pragma(name: str) -> Callable[[UnitOfWork], object]:
    """Make a unit that returns the value of the pragma."""
    return lambda uow: uow.connection.execute(text(f"PRAGMA {name}")).scalar()


@pytest.mark.parametrize(("name", "value"), (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)))
async def test_each_connection_to_sqlite_has_our_pragmas(path: Path, name: str, value: object) -> None:
    database = Database(f"sqlite+aiosqlite:///{path}")
    async with database.dedicated_connection() as connection:
        assert (await connection.execute(text(f"PRAGMA {name}"))).scalar() == value
    assert await database.write(pragma(name)) == value
    assert await database.read(pragma(name)) == value
    await database.close()


async def test_only_hasty_writes_do_not_wait_for_the_disk_of_sqlite(database: Database) -> None:
    full, normal = 2, 1
    for _ in range(3):
        assert await database.write(pragma("synchronous")) == full
        assert await database.write(pragma("synchronous"), durable=False) == normal


async def test_the_files_of_an_sqlite_database_are_for_their_owner_alone(database: Database, path: Path) -> None:
    await add_user(database)
    assert {file.stat().st_mode & 0o777 for file in path.parent.glob("test.db*")} == {0o600}


async def test_readers_of_sqlite_do_not_wait_for_a_writer(database: Database) -> None:
    async with held(database.write, lambda uow: uow.users.add(new_user())):
        assert await names(database) == []
    assert await names(database) == ["alice"]


async def test_simultaneous_writers_of_sqlite_all_succeed(database: Database) -> None:
    await asyncio.gather(*(add_user(database, f"user{n}") for n in range(30)))
    assert len(await names(database)) == 30


async def test_a_unit_that_takes_too_long_fails_and_so_does_the_next_in_line(impatient: Database) -> None:
    def add_and_never_end(uow: UnitOfWork) -> None:
        uow.users.add(new_user())
        uow.connection.exec_driver_sql(ENDLESS)

    endless = (impatient.write(add_and_never_end) for _ in range(2))
    outcomes = await asyncio.gather(*endless, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable, StorageUnavailable]
    await add_user(impatient)
    assert await names(impatient) == ["alice"]


async def test_a_write_fails_while_another_process_has_the_lock_and_works_afterwards(
    impatient: Database, path: Path
) -> None:
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    began: list[UnitOfWork] = []
    with pytest.raises(StorageUnavailable):
        await impatient.write(began.append)
    assert began == []  # else there would be two writers at once
    other.rollback()
    other.close()
    await add_user(impatient)


def test_an_sqlite_path_where_no_file_can_be_is_unavailable(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StorageUnavailable):
        Database(f"sqlite+aiosqlite:///{path}")


async def test_an_sqlite_file_that_is_not_a_database_is_unavailable(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("This is no database. " * 100)
    database = Database(f"sqlite+aiosqlite:///{path}")
    with pytest.raises(StorageUnavailable):
        await database.check()
    await database.close()
    # The driver's thread reports to the event loop that it is done: that has to be there still.
    while any("_connection_worker_thread" in thread.name for thread in threading.enumerate()):
        await asyncio.sleep(0)


async def test_a_violated_constraint_is_not_an_outage(database: Database) -> None:
    now = datetime.now(UTC)
    of_nobody = Session(uuid4(), uuid4(), 0, b"", now, now, now, now, None)
    with pytest.raises(IntegrityError):
        await database.write(lambda uow: uow.sessions.add(of_nobody))


async def test_an_empty_database_has_no_schema(path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{path}")
    with pytest.raises(OutdatedSchema):
        await database.check()
    await database.migrate()
    await database.check()
    await database.close()


async def test_simultaneous_migrations_of_sqlite_are_harmless(path: Path) -> None:
    databases = [Database(f"sqlite+aiosqlite:///{path}") for _ in range(4)]
    await asyncio.gather(*(database.migrate() for database in databases))
    for database in databases:
        await database.check()
        await database.close()


async def counts(database: Database) -> list[int]:
    queries = [select(func.count()).select_from(table) for table in metadata.tables.values()]
    return await database.read(lambda uow: [uow.connection.execute(query).scalar_one() for query in queries])


async def test_rehearsing_a_login_changes_nothing_in_the_files(database: Database, path: Path) -> None:
    await add_user(database)
    before, log = await counts(database), path.with_name("test.db-wal").read_bytes()
    await database.rehearse_login()
    await database.rehearse_housekeeping()
    assert await counts(database) == before
    assert path.with_name("test.db-wal").read_bytes() == log
    assert {file.name for file in path.parent.iterdir()} == {
        "test.db",
        "test.db-wal",
        "test.db-shm",
        "test.db-lock",
    }


def connection_threads() -> set[threading.Thread]:
    """The threads of aiosqlite, one for each open connection."""
    return {thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name}


@pytest.mark.parametrize("closed", ("file", "folder"))
async def test_rehearsing_a_login_finds_a_read_only_file_or_folder(closed: str) -> None:
    with folder_for_all() as folder:
        path = folder / "test.db"
        database = Database(f"sqlite+aiosqlite:///{path}")
        await database.migrate()
        path.chmod(0o666)
        with as_nobody():
            await database.rehearse_login()
        await database.close()
        threads = connection_threads()
        (path if closed == "file" else folder).chmod(0o555)
        for _ in range(2):
            with as_nobody(), pytest.raises(StorageUnavailable):
                await database.rehearse_login()
        # A thread closes each refused connection, and it may still create files that only their owner can write to.
        while connection_threads() - threads:
            await asyncio.sleep(0.001)
        for each in (folder, *folder.iterdir()):
            each.chmod(0o777)
        with as_nobody():
            await database.rehearse_login()
        await database.close()


async def test_rehearsing_a_login_finds_that_the_open_file_was_moved_away(database: Database, path: Path) -> None:
    await database.rehearse_login()
    away = path.rename(path.with_name("away.db"))
    with pytest.raises(StorageUnavailable):
        await database.rehearse_login()
    away.rename(path)
    await database.rehearse_login()
