"""The cursors of the feed: none is ever an error, and none ever hides what was committed after it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from jwtapi.features.revocations.storage import Mark, RevocationRepository
from jwtapi.security.feed_cursors import MAX_LENGTH, FeedCursors
from jwtapi.sessions.events import SESSION_REVOKED
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event, events
from jwtapi.storage.unit_of_work import UnitOfWork
from tests.conftest import REFRESH_SECRET, RunApi, on_sqlite
from tests.support.api import Api
from tests.support.gate import held
from tests.support.postgresql import PostgreSQL
from tests.support.revocations import follower, sid_of, token_of

OTHER_SECRET = "3b7f0c1e9d7a3b48c6925e4d8b1f7063ac9e2d5b84c7f1a60d3e8b9475c2a1f0"


def cursor_of(content: str) -> str:
    return FeedCursors(REFRESH_SECRET).issue(content)


@on_sqlite
@pytest.mark.parametrize(
    "cursor",
    (
        "x",
        "A" * 100,
        "A" * (MAX_LENGTH + 1),
        "%00%FF",
        "é",
        "null",
        FeedCursors("f" * 64).issue("1 sqlite 1796002363 1 1 0 1"),
        cursor_of("1 oracle 1796002363 1 1 0 1"),
        cursor_of("2 sqlite 1796002363 1 1 0 1"),
    ),
)
async def test_a_cursor_that_this_server_did_not_make_gets_the_full_list(api: Api, cursor: str) -> None:
    alice = await api.signed_in()
    await alice.post("/logout")
    billing = await follower(api)
    answer = (await billing.client.get("/revocations", params={"after": cursor, "wait": 30})).json()
    assert answer["reset"] is True
    assert [entry["sid"] for entry in answer["sessions"]] == [sid_of(alice)]


async def test_a_changed_cursor_gets_the_full_list(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    assert billing.cursor is not None
    for place in (0, 30, 60, len(billing.cursor) - 3):
        other = "B" if billing.cursor[place] != "B" else "C"
        changed = billing.cursor[:place] + other + billing.cursor[place + 1 :]
        answer = await billing.client.get("/revocations", params={"after": changed})
        assert answer.json()["reset"] is True


async def test_a_cursor_under_the_previous_secret_goes_on(run_api: RunApi) -> None:
    async with run_api() as api:
        billing = await follower(api)
        await billing.ask()
    async with run_api(refresh_secret=OTHER_SECRET, refresh_secret_previous=REFRESH_SECRET) as api:
        again = await follower(api, "again")
        again.cursor = billing.cursor
        alice = await api.signed_in()
        await alice.post("/logout")
        assert [entry["sid"] for entry in (await again.ask())["sessions"]] == [sid_of(alice)]
        assert again.answers[-1]["reset"] is False
    async with run_api(refresh_secret=OTHER_SECRET) as api:
        again.client = (await follower(api, "once-more")).client
        again.cursor = billing.cursor
        await again.ask()
        assert again.answers[-1]["reset"] is True


async def test_a_cursor_goes_on_at_a_server_that_was_started_again(run_api: RunApi) -> None:
    async with run_api() as api:
        billing = await follower(api)
        alice = await api.signed_in()
        await billing.ask()
    async with run_api() as api:
        client = api.client(Authorization=f"Bearer {token_of(alice)}")
        await client.post("/logout")
        billing.client = (await follower(api, "again")).client
        assert [entry["sid"] for entry in (await billing.ask())["sessions"]] == [sid_of(alice)]
        assert billing.answers[-1]["reset"] is False


@on_sqlite
@pytest.mark.parametrize(("seconds", "is_reset"), ((1019, False), (1021, True), (-59, False), (-61, True)))
async def test_a_cursor_of_another_time_gets_the_full_list(api: Api, seconds: float, is_reset: bool) -> None:  # noqa: FBT001
    billing = await follower(api)
    await billing.ask()
    api.clock.now = api.clock.now.replace(microsecond=0)
    api.clock.advance(seconds)
    await billing.ask()
    assert billing.answers[-1]["reset"] is is_reset


async def test_a_cursor_from_before_a_backup_was_restored_gets_the_full_list(api: Api) -> None:
    alice, bob = await api.signed_in(), await api.signed_in("bob")
    billing = await follower(api)
    await bob.post("/logout")
    await billing.ask()
    # The backup lacks the last event, and what happens after it gets the same number.
    await api.sql("DELETE FROM events WHERE type = 'session.revoked'")
    if not api.services[Database].is_sqlite:
        await api.sql("SELECT setval(pg_get_serial_sequence('events', 'id'), (SELECT max(id) FROM events))")
    api.clock.advance(1)
    await alice.post("/logout")
    assert [entry["sid"] for entry in (await billing.ask())["sessions"]] == [sid_of(alice)]
    assert billing.answers[-1]["reset"] is True


async def test_a_cursor_of_an_empty_database_goes_on_until_there_is_an_event(api: Api) -> None:
    billing = await follower(api)
    await api.sql("DELETE FROM events")
    await billing.ask()
    await billing.ask()
    assert [answer["reset"] for answer in billing.answers] == [True, False]
    alice = await api.signed_in()
    await alice.post("/logout")
    assert [entry["sid"] for entry in (await billing.ask())["sessions"]] == [sid_of(alice)]
    assert billing.answers[-1]["reset"] is True


def adding(request_id: str) -> Any:
    """Make a unit that adds an event of a session that no longer exists."""
    event = Event(0, datetime.now(UTC), SESSION_REVOKED.name, None, None, None, request_id)
    return lambda uow: uow.events.add(event)


@pytest.fixture
async def database(postgresql: PostgreSQL) -> AsyncIterator[Database]:
    """A database of PostgreSQL, for what only its transactions can do."""
    database = Database(postgresql.new_database().replace("postgresql://", "postgresql+asyncpg://"))
    yield database
    await database.close()


def _write_without_event(uow: UnitOfWork) -> None:
    uow.connection.exec_driver_sql("UPDATE events SET details = NULL")


async def mark(database: Database, known: Mark | None = None) -> tuple[Mark, bool]:
    return await database.read(lambda uow: RevocationRepository(uow.connection).mark(known))


async def since(database: Database, earlier: Mark) -> list[str | None]:
    found = await database.read(lambda uow: RevocationRepository(uow.connection).since(earlier, ignored=[]))
    return [event.request_id for event in found]


async def test_a_mark_names_the_transactions_that_were_in_progress(database: Database) -> None:
    await database.write(adding("before"))
    async with held(database.write, adding("first number, last committed")):
        await database.write(adding("last number, first committed"))
        earlier, _ = await mark(database)
        assert await since(database, earlier) == []
    later, is_known = await mark(database, earlier)
    assert is_known
    assert await since(database, earlier) == ["first number, last committed"]
    assert await since(database, later) == []


async def test_a_number_that_a_crash_has_freed_is_new(database: Database) -> None:
    await database.write(adding("before"))
    for _ in range(5):  # transactions without an event, which a crash may undo
        await database.write(_write_without_event)
    earlier, _ = await mark(database)
    freed = update(events).where(events.c.request_id == "after").values(transaction_id=earlier.transaction_id + 1)
    await database.write(adding("after"))
    await database.write(lambda uow: uow.connection.execute(freed))
    assert await since(database, earlier) == ["after"]


async def test_a_mark_of_another_server_is_not_known(database: Database) -> None:
    await database.write(adding("a"))
    here, _ = await mark(database)
    # A dump was restored here, whose server had counted its transactions much further.
    far = here.transaction_id + 1_000_000_000
    await database.write(lambda uow: uow.connection.execute(update(events).values(transaction_id=far)))
    there = Mark(here.event_id, here.event_at, far, f"{far + 1}:{far + 1}:")
    assert (await mark(database, there))[1] is False
    assert (await mark(database, here))[1] is False


async def test_a_mark_with_many_transactions_in_progress_stays_short_and_misses_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jwtapi.features.revocations.storage._MAX_IN_PROGRESS", 2)
    await database.write(adding("before"))
    async with held(database.write, adding("1")), held(database.write, adding("2")):
        async with held(database.write, adding("3")), held(database.write, adding("4")):
            await database.write(adding("5"))
            earlier, _ = await mark(database)
            assert earlier.position.count(",") == 1
        await asyncio.sleep(0)
    assert sorted(map(str, await since(database, earlier))) == ["1", "2", "3", "4", "5"]


async def test_a_cursor_of_one_worker_misses_nothing_that_was_in_progress_at_another(run_api: RunApi) -> None:
    async with run_api() as here, run_api() as there:
        billing = await follower(here)
        alice, bob = await here.signed_in(), await there.signed_in("bob")
        await billing.ask()

        def end_alice(uow: UnitOfWork) -> None:
            user_id, session_id = alice_ids
            uow.sessions.revoke(session_id, user_id, _revocation(here, user_id))

        alice_ids = await here.services[Database].read(
            lambda uow: next(
                (user.id, uow.sessions.alive_of(user.id, here.clock(), limit=1)[0].id)
                for user in uow.users.list()
                if user.username == "alice"
            )
        )
        ending = held(here.services[Database].write, end_alice)
        async with ending:
            leaving = asyncio.create_task(bob.post("/logout"))
            if not here.services[Database].is_sqlite:  # there the writers wait for each other
                await leaving
            await billing.ask()
            accepted_meanwhile = [billing.accepts(token_of(client)) for client in (alice, bob)]
        await leaving
        billing.client = (await follower(there, "there")).client
        await billing.ask()
        assert [billing.accepts(token_of(client)) for client in (alice, bob)] == [False, False]
        assert accepted_meanwhile == [True, here.services[Database].is_sqlite]
        assert [answer["reset"] for answer in billing.answers] == [True, False, False]


def _revocation(api: Api, user_id: Any) -> Event:
    return Event(0, api.clock(), SESSION_REVOKED.name, user_id, None, None, None)
