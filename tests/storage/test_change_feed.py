"""The feed of changes, on PostgreSQL: what its order, its connection and other servers can do to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.errors import StorageUnavailable
from jwtapi.sessions.events import SESSION_REVOKED
from jwtapi.sign_in.events import LOGIN_FAILED, LOGIN_SUCCEEDED
from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database
from jwtapi.storage.events import _SINCE_ON_POSTGRESQL, Event, EventType
from jwtapi.storage.unit_of_work import UnitOfWork
from tests.storage.test_query_plans import nodes
from tests.support.gate import held
from tests.support.postgresql import PostgreSQL

IGNORED = [name for name in EventType.declared() if name != SESSION_REVOKED.name]


def is_wanted(type_: EventType) -> bool:
    return type_ is SESSION_REVOKED


@pytest.fixture
def url(postgresql: PostgreSQL) -> str:
    return postgresql.new_database()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url.replace("postgresql://", "postgresql+asyncpg://"))
    yield database
    await database.close()


def add(uow: UnitOfWork, type_: EventType = SESSION_REVOKED, request_id: str | None = None) -> None:
    now = datetime.now(UTC)
    uow.events.add(Event(0, now, type_.name, None, uuid4(), None, request_id))


def adding(type_: EventType = SESSION_REVOKED, request_id: str | None = None) -> Callable[[UnitOfWork], None]:
    """Make a unit that adds an event."""
    return partial(add, type_=type_, request_id=request_id)


async def new_since(database: Database, position: str) -> tuple[list[str | None], str]:
    events, position = await database.read(lambda uow: uow.events.since(position, ignored=IGNORED))
    return [event.request_id for event in events], position


async def end(database: Database) -> str:
    return await database.read(lambda uow: uow.events.end())


async def test_an_event_that_is_committed_after_one_with_a_higher_id_is_not_missed(database: Database) -> None:
    position = await end(database)
    async with held(database.write, adding(request_id="first id, last committed")):
        await database.write(adding(request_id="last id, first committed"))
        seen, position = await new_since(database, position)
        assert seen == ["last id, first committed"]
        assert await new_since(database, position) == ([], position)
    seen, position = await new_since(database, position)
    assert seen == ["first id, last committed"]
    assert (await new_since(database, position))[0] == []


async def test_the_change_feed_skips_events_that_were_rolled_back_or_are_of_another_type(database: Database) -> None:
    def add_and_fail(uow: UnitOfWork) -> None:
        add(uow)
        raise LookupError

    position = await end(database)
    with pytest.raises(LookupError):
        await database.write(add_and_fail)
    await database.write(adding(LOGIN_SUCCEEDED))
    assert (await new_since(database, position))[0] == []


async def test_the_change_feed_skips_rows_of_a_restored_dump(
    database: Database, postgresql: PostgreSQL, url: str
) -> None:
    position = await end(database)
    await database.write(adding())
    # The server that they come from had counted its transactions much further.
    await asyncio.to_thread(postgresql.execute, "UPDATE events SET transaction_id = transaction_id + 1000000000", url)
    assert (await new_since(database, position))[0] == []


async def test_a_transaction_that_stays_open_does_not_slow_down_the_change_feed(database: Database) -> None:
    def explain(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
        prefix = "EXPLAIN (ANALYZE, FORMAT JSON) " if "pg_snapshot_xip" in statement else ""
        return prefix + statement, parameters

    engine = database.engine_of_units

    def add_many(uow: UnitOfWork) -> None:
        for _ in range(300):
            add(uow, LOGIN_FAILED)

    def explained(uow: UnitOfWork) -> Any:
        uow.connection.exec_driver_sql("SET enable_seqscan = off")  # with so few rows it is best
        return uow.connection.execute(_SINCE_ON_POSTGRESQL, {"position": position, "ignored": IGNORED}).scalar_one()

    async with held(database.write, adding()):
        await database.write(add_many)
        position = await end(database)
        event.listen(engine, "before_cursor_execute", explain, retval=True)
        plan = await database.read(explained)
        event.remove(engine, "before_cursor_execute", explain)
    assert all(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) <= 2 for node in nodes(plan[0]["Plan"]))


async def test_the_change_feed_reconnects_and_reports_a_gap_after_its_connection_is_cut(
    database: Database, postgresql: PostgreSQL, url: str
) -> None:
    heard: list[str | None] = []
    gaps: list[None] = []
    feed = ChangeFeed(database)
    feed.subscribe(
        is_wanted,
        on_events=lambda events: heard.extend(event.request_id for event in events),
        on_gap=lambda: gaps.append(None),
    )
    following = asyncio.create_task(feed.run())
    while not feed.is_live():
        await asyncio.sleep(0.001)
    # Nobody else is connected to this database.
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"  # noqa: E501
    with structlog.testing.capture_logs() as logs:
        assert await asyncio.to_thread(postgresql.execute, cut, url)
        while len(gaps) < 2:
            await asyncio.sleep(0.001)
        await database.write(adding(request_id="after the cut"))
        while heard != ["after the cut"]:
            await asyncio.sleep(0.001)
    assert [entry["event"] for entry in logs[:2]] == [
        "changes of other processes do not arrive",
        "changes of other processes arrive again",
    ]
    assert "[SQL" not in logs[0]["cause"]
    assert "sqlalchemy" not in logs[0]["cause"]
    following.cancel()
    await asyncio.wait([following])


async def test_an_event_wakes_the_change_feeds_of_other_processes_before_their_next_poll(
    database: Database, url: str
) -> None:
    heard = asyncio.Event()
    another = Database(url.replace("postgresql://", "postgresql+asyncpg://"))
    here, there = ChangeFeed(database, poll_seconds=60), ChangeFeed(another, poll_seconds=60)
    here.subscribe(is_wanted, on_events=lambda _: None, on_gap=lambda: None)
    there.subscribe(is_wanted, on_events=lambda _: heard.set(), on_gap=lambda: None)
    tasks = [asyncio.create_task(feed.run()) for feed in (here, there)]
    async with asyncio.timeout(30):
        while not heard.is_set():  # what is committed before both follow wakes nobody
            await database.write(adding())
            await asyncio.sleep(0.05)
        heard.clear()
        await database.write(adding())
        await heard.wait()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await another.close()


async def test_holding_a_connection_to_a_missing_database_is_an_outage(postgresql: PostgreSQL) -> None:
    missing = postgresql.new_database().replace("/test_", "/missing_")
    database = Database(missing.replace("postgresql://", "postgresql+asyncpg://"))
    with pytest.raises(StorageUnavailable):
        async with database.dedicated_connection():
            raise AssertionError("connected to nothing")


async def test_a_cancelled_attempt_to_hold_a_connection_keeps_none(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gives_spare_back = asyncio.Event()
    close = AsyncConnection.close

    async def close_slowly(connection: AsyncConnection) -> None:
        gives_spare_back.set()
        try:
            await asyncio.sleep(0)
        finally:
            await close(connection)

    async def hold() -> None:
        async with database.dedicated_connection():
            raise AssertionError("not cancelled")

    monkeypatch.setattr(AsyncConnection, "close", close_slowly)
    holder = asyncio.create_task(hold())
    await gives_spare_back.wait()
    holder.cancel()
    await asyncio.wait([holder])
    assert holder.cancelled()
    assert database.connections().in_use == 0
