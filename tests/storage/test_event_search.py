"""A page of events is one statement, which an index bounds, whatever is searched for among 100,000 events."""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, insert

from jwtapi.storage import event_search
from jwtapi.storage.database import Database
from jwtapi.storage.event_search import WALK, EventFilter, EventPage, EventSearch, FoundEvent
from jwtapi.storage.events import Event, events
from tests.storage.test_query_plans import nodes, scans
from tests.support.api import Api
from tests.support.events import add_many_events, many_user
from tests.support.statements import Statement, sent_by_requests, statements

MANY = 100_000


async def page_of(api: Api, which: EventFilter, *, before: int | None = None, limit: int = 50) -> EventPage:
    return await api.services[Database].read(
        lambda uow: EventSearch(uow.connection).page(which, before=before, limit=limit)
    )


async def every_page(api: Api, which: EventFilter, *, limit: int) -> list[EventPage]:
    pages = [await page_of(api, which, limit=limit)]
    while pages[-1].next is not None:
        pages.append(await page_of(api, which, before=pages[-1].next, limit=limit))
    return pages


def found_in(pages: Sequence[EventPage]) -> list[FoundEvent]:
    return [found for page in pages for found in page.found]


def indexes_of(connection: Connection, statement: Statement) -> set[str]:
    """Return the indexes by which the statement finds events."""
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters)
        searched = [row.detail.split() for row in plan if row.detail.startswith("SEARCH events ")]
        return {next((word for word in words if word.startswith("ix_")), "pk_events") for words in searched}
    found = list(nodes_of(connection, statement))
    assert not [node for node in found if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "events"]
    return {name for node in found if "events" in (name := node.get("Index Name", ""))}


def nodes_of(connection: Connection, statement: Statement) -> Iterator[dict[str, Any]]:
    explained = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.sql}", statement.parameters)
    plan = explained.scalar_one()
    return nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])


def rows_read(connection: Connection, statement: Statement) -> int:
    """Return how many events the statement reads. Only PostgreSQL tells."""
    if connection.dialect.name == "sqlite":
        return 0
    reading = [node for node in nodes_of(connection, statement) if node.get("Relation Name") == "events"]
    counted = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return sum(int(sum(node.get(name, 0) for name in counted) * node["Actual Loops"]) for node in reading)


async def test_every_filter_and_all_pairs_of_filters_read_a_bounded_part_of_an_index(api: Api) -> None:
    begin = api.clock() - timedelta(days=70)
    await add_many_events(api, MANY, begin)
    middle = begin + timedelta(minutes=MANY // 2)
    by_user: dict[str, Any] = {"user": many_user(17)}
    filters: list[tuple[dict[str, Any], str]] = [
        ({}, "pk_events"),
        (by_user, "ix_events_user_id_id"),
        ({"user": "user-17"}, "ix_events_user_id_id"),
        ({"actor": many_user(3)}, "ix_events_actor_id_id"),
        ({"address": "203.0.1.7"}, "ix_events_address_id"),
        ({"type": "login.failed"}, "ix_events_type_id"),
        ({"type": "nothing.like.it"}, "ix_events_type_id"),
        ({"since": middle}, "pk_events"),
        ({"until": middle}, "pk_events"),
        ({"since": middle, "until": middle + timedelta(hours=3)}, "pk_events"),
        *((by_user | more, "ix_events_user_id_id") for more in ({"actor": many_user(3)}, {"type": "login.failed"})),
        (by_user | {"address": "203.0.1.7"}, "ix_events_user_id_id"),
        ({"actor": many_user(3), "address": "203.0.1.7"}, "ix_events_actor_id_id"),
        ({"actor": many_user(3), "type": "login.failed"}, "ix_events_actor_id_id"),
        ({"address": "203.0.1.7", "type": "login.failed"}, "ix_events_address_id"),
        (by_user | {"since": middle}, "ix_events_user_id_id"),
        ({"type": "login.succeeded", "until": middle}, "ix_events_type_id"),
    ]
    for parts, index in filters:
        for before in (None, MANY // 2):
            with statements(api, sent_by_requests) as sent:
                await page_of(api, EventFilter(**parts), before=before)
            (statement,) = [each for each in sent if not each.sql.startswith("BEGIN")]

            def explain(uow: Any, statement: Statement = statement) -> tuple[set[str], int, list[str]]:
                connection = uow.connection
                found = indexes_of(connection, statement), rows_read(connection, statement)
                return *found, scans(connection, statement.sql, statement.parameters)

            indexes, read, scanned = await api.services[Database].read(explain)
            assert indexes - {"ix_events_at"} == {index}, parts
            assert read <= 2 * WALK + 500, parts
            assert scanned == [], parts


async def test_pages_have_what_a_filter_of_all_events_finds_however_little_a_page_reads(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_search, "WALK", 7)
    chance = random.Random(1)  # noqa: S311  the same choices each time
    start = api.clock().replace(microsecond=0)
    ids, addresses, types = [uuid4(), uuid4(), None], ["203.0.113.7", "2001:db8::1", None], ["a.b", "c.d", "e.f"]
    rows = [
        {
            # The clocks of servers differ.
            "at": start + timedelta(minutes=10 * number, seconds=chance.randrange(-290, 290)),
            "type": chance.choice(types),
            "user_id": chance.choice(ids),
            "actor_id": chance.choice(ids),
            "address": chance.choice(addresses),
        }
        for number in range(120)
    ]
    await api.services[Database].write(lambda uow: uow.connection.execute(insert(events), rows) and None)
    stored = (await page_of(api, EventFilter(), limit=200)).found
    assert [found.event.id for found in stored] == sorted((found.event.id for found in stored), reverse=True)
    assert len(stored) == 120
    times = (None, start + timedelta(minutes=400), start + timedelta(minutes=800))
    for user, actor, address, type_, since, until in product(
        (ids[0], None), (ids[1], None), (addresses[1], None), ("c.d", None), times, times
    ):
        which = EventFilter(user, actor, type_, address, since, until)
        pages = await every_page(api, which, limit=4)
        expected = [found for found in stored if matches(found.event, which)]
        assert found_in(pages) == expected, which
        assert all(len(page.found) <= 4 for page in pages)


def matches(event: Event, which: EventFilter) -> bool:
    return (
        which.user in {None, event.user_id}
        and which.actor in {None, event.actor_id}
        and which.type in {None, event.type}
        and which.address in {None, event.address}
        and (which.since is None or event.at >= which.since)
        and (which.until is None or event.at < which.until)
    )


async def test_a_server_with_a_wrong_clock_does_not_hide_the_events_of_others(api: Api) -> None:
    start = api.clock()

    def rows(at: datetime, count: int) -> list[dict[str, Any]]:
        return [{"at": at + timedelta(seconds=number), "type": "a.b"} for number in range(count)]

    late = [{"at": start - timedelta(minutes=6), "type": "wrong.clock"}]
    early = [{"at": start + timedelta(minutes=20), "type": "wrong.clock"}]
    before, after = rows(start - timedelta(hours=1), 5), rows(start + timedelta(hours=1), 5)
    every = [*before, *early, *rows(start, 5), *late, *after]
    await api.services[Database].write(lambda uow: uow.connection.execute(insert(events), every) and None)
    page = await page_of(api, EventFilter(type="a.b", since=start, until=start + timedelta(minutes=10)))
    assert [found.event.at for found in page.found] == [start + timedelta(seconds=each) for each in (4, 3, 2, 1, 0)]


async def test_events_have_the_names_of_users_unless_they_were_deleted(api: Api) -> None:
    for name in ("alice", "bob"):
        await api.signed_in(name)
    alice, bob = await api.user("alice"), await api.user("bob")
    row = {"at": api.clock(), "type": "a.b", "user_id": alice.id, "actor_id": bob.id}
    await api.services[Database].write(lambda uow: uow.connection.execute(insert(events), [row]) and None)

    async def named(user: UUID | str) -> list[tuple[str | None, str | None]]:
        page = await page_of(api, EventFilter(user=user, type="a.b"))
        return [(found.username, found.actor_username) for found in page.found]

    assert await named("alice") == await named(alice.id) == [("alice", "bob")]
    assert await named("nobody") == await named(bob.id) == []
    await api.delete("alice")
    assert await named(alice.id) == [(None, "bob")]
    assert await named("alice") == []
