"""`jwtapi events` on both databases."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from jwtapi.cli.event_log import EventLog
from jwtapi.cli.moments import parse_moment
from jwtapi.errors import StorageUnavailable
from jwtapi.storage.database import Database
from jwtapi.storage.event_search import EventFilter, FoundEvent
from jwtapi.storage.events import Event
from jwtapi.storage.unit_of_work import UnitOfWork
from tests.cli.conftest import Run, Store
from tests.cli.test_user_list import user
from tests.conftest import on_sqlite
from tests.support.api import Api
from tests.support.gate import held

NOW = datetime.now(UTC).replace(microsecond=0)
ALICE, BOB, DELETED = UUID(int=1), UUID(int=2), UUID(int=3)


def event(hours_ago: int, type_: str, user_id: UUID | None = ALICE, **more: Any) -> Event:
    row: dict[str, Any] = {"session_id": None, "address": None, "request_id": None}
    return Event(0, NOW - timedelta(hours=hours_ago), type_, user_id, **(row | more))


EVENTS = (
    event(100, "user.registered"),
    event(50, "user.registered", DELETED),
    event(30, "login.failed", address="203.0.113.7", request_id="=cmd|' /C calc'!A0"),
    event(20, "user.disabled", BOB, actor_id=ALICE, details={"why": "\x1b[2J"}),
    event(1, "login.failed", BOB, address="203.0.113.8"),
)


@pytest.fixture
def stored(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwtapi.cli.event_log.PAGE", 2)

    def add(uow: UnitOfWork) -> None:
        uow.users.add(user(1, "Alice"))
        uow.users.add(user(2, "bob"))
        for each in EVENTS:
            uow.events.add(each)

    store(add)


SEARCHES: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...] = (
    ((), (0, 1, 2, 3, 4)),
    (("--limit", "3"), (2, 3, 4)),
    (("--limit", "0"), ()),
    (("--user", "ALICE"), (0, 2)),
    (("--user", str(BOB)), (3, 4)),
    (("--user", str(DELETED)), (1,)),
    (("--actor", "alice"), (3,)),
    (("--type", "login.failed"), (2, 4)),
    (("--type", "login.failed", "--limit", "1"), (4,)),
    (("--address", "203.0.113.7"), (2,)),
    (("--address", "::ffff:203.0.113.7"), (2,)),  # as events have it
    (("--since", "40h"), (2, 3, 4)),
    (("--until", "1d"), (0, 1, 2)),
    (("--since", f"{NOW - timedelta(hours=50):%Y-%m-%dT%H:%M:%S}", "--until", "20h"), (1, 2, 3)),
    (("--user", "bob", "--since", "2h", "--type", "login.failed"), (4,)),
)


@pytest.mark.usefixtures("stored")
def test_the_events_that_are_asked_for_are_listed_the_newest_last(run: Run) -> None:
    for options, found in SEARCHES:
        result = run("events", *options, "--json")
        assert (result.exit_code, result.stderr) == (0, ""), options
        listed = [json.loads(line)["at"] for line in result.stdout.splitlines()]
        assert listed == [EVENTS[n].at.isoformat().replace("+00:00", "Z") for n in found], options


@pytest.mark.usefixtures("stored")
def test_lines_for_people_have_names_and_no_control_characters(run: Run) -> None:
    lines = [line.split("\t")[1:] for line in run("events").stdout.splitlines()]
    assert lines == [
        ["user.registered", "Alice", "-", "-", "-"],
        ["user.registered", str(DELETED), "-", "-", "-"],
        ["login.failed", "Alice", "203.0.113.7", "-", "-"],
        ["user.disabled", "bob", "-", "Alice", '{"why": "\\u001b[2J"}'],
        ["login.failed", "bob", "203.0.113.8", "-", "-"],
    ]


@pytest.mark.usefixtures("stored")
def test_csv_has_the_members_of_json_and_no_formula(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("events", "--csv").stdout, newline="")))
    documents = [json.loads(line) for line in run("events", "--json").stdout.splitlines()]
    assert [row.keys() for row in rows] == [document.keys() for document in documents]
    assert rows[2]["requestId"] == "'=cmd|' /C calc'!A0"
    assert json.loads(rows[3]["details"]) == {"why": "\x1b[2J"}
    assert (rows[3]["actorUsername"], rows[3]["userId"], rows[0]["address"]) == ("Alice", str(BOB), "")
    only_headings = run("events", "--csv", "--type", "none").stdout
    assert only_headings.splitlines() == [",".join(documents[0])]


SENSELESS: tuple[tuple[tuple[str, ...], int], ...] = (
    (("--user", "nobody"), 3),
    (("--actor", "nobody"), 3),
    (("--since", "yesterday"), 2),
    (("--since", "999999999w"), 2),
    (("--until", "0001-01-01T00:00:00+10:00"), 2),
    (("--limit", "-1"), 2),
    (("--json", "--csv"), 2),
    (("--follow", "--until", "1h"), 2),
)


@on_sqlite
@pytest.mark.usefixtures("stored")
def test_a_search_that_makes_no_sense_lists_nothing(run: Run) -> None:
    for options, code in SENSELESS:
        result = run("events", *options)
        assert (result.exit_code, result.stdout) == (code, ""), options


def test_times_without_an_offset_are_in_utc() -> None:
    noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    for text, moment in (
        ("2026-11-30", noon.replace(hour=0)),
        ("2026-11-30T12:00", noon),
        ("2026-11-30T12:00:00Z", noon),
        ("2026-11-30T14:00+02:00", noon),
        ("90s", noon - timedelta(seconds=90)),
        ("2w", noon - timedelta(days=14)),
    ):
        assert parse_moment(text, noon) == moment


async def add(database: Database, type_: str, user_id: UUID = ALICE) -> None:
    await database.write(adding(type_, user_id))


def adding(type_: str, user_id: UUID = ALICE) -> "partial[None]":
    return partial(_add, new=event(0, type_, user_id))


def _add(uow: UnitOfWork, *, new: Event) -> None:
    uow.events.add(new)


async def types(pages: AsyncIterator[Sequence[FoundEvent]], count: int) -> list[str]:
    """Return the types of the next events, and wait for them."""
    found: list[str] = []
    while len(found) < count:
        found += [each.event.type for each in await anext(pages)]
    return found


@pytest.fixture
def database(api: Api, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr("jwtapi.cli.event_log.PAGE", 2)
    monkeypatch.setattr("jwtapi.cli.event_log.POLL_SECONDS", 0.01)
    return api.services[Database]


async def test_new_events_follow_those_that_are_stored_and_each_is_printed_once(database: Database) -> None:
    stopping = asyncio.Event()
    log = EventLog(database, EventFilter(user=ALICE), stopping)
    await add(database, "test.before")
    position = await log.end()
    for n in range(3):
        await add(database, f"test.{n}")
    assert [each.event.type for page in [page async for page in log.stored(3)] for each in page] == [
        "test.0",
        "test.1",
        "test.2",
    ]
    new = log.new(position)
    await add(database, "test.of_bob", BOB)
    await add(database, "test.3")
    assert await types(new, 1) == ["test.3"]
    await add(database, "test.4")
    assert await types(new, 1) == ["test.4"]
    stopping.set()
    assert [page async for page in new] == []


@pytest.mark.parametrize("database_url", ("postgresql",), indirect=True)
async def test_an_event_that_is_committed_after_later_ones_is_not_missed(database: Database) -> None:
    log = EventLog(database, EventFilter(), asyncio.Event())
    async with held(database.write, adding("test.first_id")):
        position = await log.end()
        await add(database, "test.last_id")
        stored = [each.event.type for page in [page async for page in log.stored(None)] for each in page]
        assert stored == ["test.last_id"]
    assert await types(log.new(position), 1) == ["test.first_id"]


async def test_following_waits_for_a_database_that_does_not_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = EventLog(database, EventFilter(), asyncio.Event())
    position, read, outages = await log.end(), database.read, iter(range(3))

    async def read_after_an_outage(unit: Any) -> Any:
        if next(outages, None) is not None:
            raise StorageUnavailable
        return await read(unit)

    await add(database, "test.meanwhile")
    monkeypatch.setattr(database, "read", read_after_an_outage)
    assert await types(log.new(position), 1) == ["test.meanwhile"]
    assert capsys.readouterr().err.count("The command waits for it.") == 1
