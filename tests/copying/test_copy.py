"""Each way between the two kinds of database, on real ones."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Uuid, create_engine, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.copying.copy import Advance, Changes, Copied, Progress, TargetHasMore, copy_database
from jwtapi.copying.endpoints import PAGE, CannotCopy
from jwtapi.sign_in.events import LOGIN_FAILED
from jwtapi.storage.api_keys import ApiKey, api_keys
from jwtapi.storage.database import Database
from jwtapi.storage.engine import create_migration_engine, with_transactions
from jwtapi.storage.events import Event, events
from jwtapi.storage.held_names import HeldName, held_names
from jwtapi.storage.invitations import Invitation, invitations
from jwtapi.storage.mails import QueuedMail, mails
from jwtapi.storage.metadata import columns_of, persistent_tables
from jwtapi.storage.schema import metadata
from jwtapi.storage.sessions import Session, sessions
from jwtapi.storage.users import User, users
from jwtapi.urls.database import parse_database_url
from jwtapi.users.events import PASSWORD_CHANGED
from tests.conftest import RunApi, on_sqlite
from tests.support.api import error_of, sign_in
from tests.support.postgresql import PostgreSQL

NOW = datetime(2026, 11, 23, 14, 56, 54, 1, tzinfo=UTC)

RECORDS = ((users, User), (sessions, Session), (events, Event))
NAMES = [table.name for table, _ in RECORDS]
FURTHER_RECORDS = ((mails, QueuedMail), (invitations, Invitation), (held_names, HeldName), (api_keys, ApiKey))
WAYS = (("sqlite", "postgresql"), ("postgresql", "sqlite"))
AWKWARD = {
    "\0": "\0",
    "duck": "🦆 ﷺ",
    "nested": {"list": [1, 1.0, True, None, -0.0, 1e-7, 2**70, [], {}]},
    "order": {"b": 1, "a": 2},
}

NUMBERS = (1, 1.0, True, [1], [True], None)
"""Some are equal to Python and none to their owner."""

SMALL = 3
"""Rows of a page, so that a handful of rows has every kind of end."""

NewUrl = Callable[[str], str]


@pytest.fixture
def new_url(postgresql: PostgreSQL, tmp_path: Path) -> NewUrl:
    """The URL of a new database of a kind."""

    def new(kind: str) -> str:
        url = postgresql.new_database() if kind == "postgresql" else f"sqlite:///{tmp_path}/{uuid4()}.db"
        return parse_database_url(url)

    return new


@asynccontextmanager
async def writing(url: str) -> AsyncIterator[AsyncConnection]:
    """A transaction on the migrated database."""
    database = Database(url)
    await database.migrate()
    await database.close()
    engine = create_migration_engine(url)
    async with with_transactions(engine).begin() as connection:
        yield connection
    await engine.dispose()


async def fill(url: str, *rows: User | Session | Event | QueuedMail | Invitation | HeldName | ApiKey) -> None:
    async with writing(url) as connection:
        for table, record in (*RECORDS, *FURTHER_RECORDS):
            if values := [asdict(row) for row in rows if isinstance(row, record)]:
                await connection.execute(insert(table), values)


async def contents(url: str) -> dict[str, list[str]]:
    """All rows, in a form in which 1, 1.0 and True differ."""
    async with writing(url) as connection:
        return {
            table.name: sorted(repr(tuple(row)) for row in await connection.execute(select(*columns_of(table, record))))
            for table, record in (*RECORDS, *FURTHER_RECORDS)
        }


def new_user(name: str, id_: UUID | None = None, **values: Any) -> User:
    user = User(id_ or uuid4(), name, name, f"hash of {name}", [], {}, NOW, None)
    return replace(user, **values)


def new_session(user: User, **values: Any) -> Session:
    later = NOW + timedelta(days=7)
    return replace(Session(uuid4(), user.id, 0, b"k" * 32, NOW, NOW, later, later, None), **values)


def new_event(id_: int, user: User | None = None, **values: Any) -> Event:
    event = Event(
        id_, NOW + timedelta(microseconds=id_), LOGIN_FAILED.name, user.id if user else None, None, None, None
    )
    return replace(event, **values)


@contextmanager
def no_progress(_what: str, _rows: int) -> Iterator[Advance]:
    yield lambda _: None


async def copied(
    source: str, target: str, *, overwrite: bool = False, progress: Progress = no_progress, page_size: int = PAGE
) -> dict[str, Copied]:
    """Copy, and see that the databases are equal and that it says so."""
    tables = await copy_database(source, target, overwrite=overwrite, progress=progress, page_size=page_size)
    assert await contents(source) == await contents(target)
    assert [table.name for table in tables if table.source != table.target] == []
    return {table.name: table for table in tables}


def changes(tables: dict[str, Copied]) -> list[Changes]:
    """What was changed in the tables of RECORDS. The others are empty here."""
    assert all(table.changes == Changes() for name, table in tables.items() if name not in NAMES)
    return [tables[name].changes for name in NAMES]


def meanwhile(step: str, act: Callable[[], Coroutine[Any, Any, None]]) -> Progress:
    """Somebody else acts when the step begins."""

    @contextmanager
    def progress(what: str, _rows: int) -> Iterator[Advance]:
        if what == step:
            with ThreadPoolExecutor() as somebody:
                somebody.submit(asyncio.run, act()).result()
        yield lambda _: None

    return progress


@pytest.mark.parametrize(("source", "target"), WAYS)
async def test_a_copy_there_and_back_equals_the_original(new_url: NewUrl, source: str, target: str) -> None:
    here, there, back = new_url(source), new_url(target), new_url(source)
    alice = new_user("alice", settings=AWKWARD, roles=["admin", "käse"], disabled_at=NOW + timedelta(microseconds=99))
    bob = new_user("é" * 64, canonical_username="é" * 255, password_hash="x" * 255, created_at=NOW.replace(year=1970))
    await fill(
        here,
        alice,
        bob,
        new_session(alice, key=bytes(range(32)), generation=2**31 - 1),
        new_session(bob, key=b"\0" * 32, revoked_at=NOW),
        new_event(1),
        new_event(2, alice, session_id=uuid4(), address="2001:db8::1", request_id="r" * 64, type="t" * 40),
        new_event(2**40, bob, address="203.0.113.7"),
    )
    assert changes(await copied(here, there)) == [Changes(2), Changes(2), Changes(3)]
    assert changes(await copied(there, back)) == [Changes(2), Changes(2), Changes(3)]
    assert await contents(back) == await contents(here)


@pytest.mark.parametrize(("source", "target"), WAYS)
async def test_a_copy_has_addresses_deleted_users_mails_invitations_held_names_and_api_keys(
    new_url: NewUrl, source: str, target: str
) -> None:
    here, there = new_url(source), new_url(target)
    alice = new_user(
        "alice",
        email="Alice@example.com",
        canonical_email="alice@example.com",
        pending_email="alice@example.net",
        former_email="old@example.com",
        former_email_until=NOW,
        security_stamp=bytes(range(16)),
        last_login_at=NOW,
    )
    gone = new_user(f" {uuid4().hex}", password_hash=None, disabled_at=NOW, deleted_at=NOW)
    mail = QueuedMail(uuid4(), "verify_email", alice.id, None, {}, "de", NOW, NOW, 2, NOW, "timeout")
    await fill(here, alice, gone, mail, replace(mail, id=uuid4(), user_id=None, recipient="x@example.com"))
    await fill(here, new_invitation("bob@example.com"), HeldName(uuid4(), bytes(range(32)), NOW))
    key = ApiKey(uuid4(), alice.id, "a key 🦆", bytes(range(32)), ["staff", "käse"], NOW, NOW, NOW)
    await fill(here, key, replace(key, id=uuid4(), roles=None, expires_at=None, last_used_at=None))
    tables = await copied(here, there, page_size=1)
    written = {name: table.changes.inserted for name, table in tables.items() if table.changes.inserted}
    assert written == {"users": 2, "mails": 2, "invitations": 1, "held_names": 1, "api_keys": 2}


def new_invitation(email: str) -> Invitation:
    return Invitation(
        id=uuid4(),
        key=b"k" * 32,
        email=email,
        canonical_email=email,
        roles=["staff"],
        created_at=NOW,
        expires_at=NOW + timedelta(days=7),
        used_at=NOW,
    )


@pytest.mark.parametrize(("source", "target"), WAYS)
@pytest.mark.parametrize("page_size", (1, 100))
async def test_a_copy_moves_addresses_between_users_in_any_order(
    new_url: NewUrl, source: str, target: str, page_size: int
) -> None:
    here, there = new_url(source), new_url(target)
    people = [new_user(f"user{n}", UUID(int=n), email=f"{n}@x.org", canonical_email=f"{n}@x.org") for n in range(4)]
    gone = new_user("gone", UUID(int=99), email="gone@x.org", canonical_email="gone@x.org")
    await fill(there, *people, gone, *(new_session(user) for user in people))
    swapped = {0: "1@x.org", 1: "0@x.org", 2: None, 3: "gone@x.org"}
    await fill(
        here,
        *(replace(people[n], email=address, canonical_email=address) for n, address in swapped.items()),
        new_user("new", UUID(int=50), email="2@x.org", canonical_email="2@x.org"),
    )
    await copied(here, there, overwrite=True, page_size=page_size)


async def test_a_copy_keeps_the_row_of_a_user_who_verifies_the_first_address(new_url: NewUrl) -> None:
    here, there = new_url("sqlite"), new_url("sqlite")
    alice = new_user("alice")
    await fill(there, alice)
    await fill(here, replace(alice, email="a@x.org", canonical_email="a@x.org"))
    assert changes(await copied(here, there)) == [Changes(updated=1), Changes(), Changes()]


@pytest.mark.parametrize(("source", "target"), WAYS)
async def test_a_copy_after_events_were_erased_takes_the_target_for_no_server_and_erases_them_there(
    new_url: NewUrl, source: str, target: str
) -> None:
    here, there = new_url(source), new_url(target)
    event = new_event(1, new_user("alice"), address="203.0.113.7", request_id="r", details={"to": "alice"})
    await fill(here, event)
    await copied(here, there)
    async with writing(here) as connection:
        erase = update(events).values(address=None, request_id=None, details=None)
        await connection.execute(erase.where(events.c.id == 1))
    assert changes(await copied(here, there)) == [Changes(), Changes(), Changes(updated=1)]


async def test_checksums_of_equal_rows_are_the_same_in_both_kinds_of_database(new_url: NewUrl) -> None:
    here = new_url("sqlite")
    alice = new_user("alice", settings=AWKWARD, created_at=NOW.replace(microsecond=0))
    await fill(here, alice, new_session(alice), new_event(1, alice))
    to_postgresql, to_sqlite = [await copied(here, new_url(kind)) for kind in ("postgresql", "sqlite")]
    assert to_postgresql == to_sqlite
    assert len({to_sqlite[name].source.sha256 for name in NAMES}) == 3


@pytest.mark.parametrize("kind", ("sqlite", "postgresql"))
async def test_ids_have_the_same_order_in_both_kinds_of_database(new_url: NewUrl, kind: str) -> None:
    edges = [UUID(int=n) for n in (0, 1, 9, 10, 2**63, 2**64 - 1, 2**64, 2**127 - 1, 2**127, 2**128 - 1)]
    ids = edges + [UUID(int=random.getrandbits(128)) for _ in range(200)]
    async with writing(new_url(kind)) as connection:
        await connection.execute(insert(users), [asdict(new_user(str(id_), id_)) for id_ in ids])
        assert list((await connection.execute(select(users.c.id).order_by(users.c.id))).scalars()) == sorted(ids)
        for after in edges:
            behind = select(users.c.id).where(users.c.id > after)
            assert set((await connection.execute(behind)).scalars()) == {id_ for id_ in ids if id_ > after}


@pytest.mark.parametrize("seed", range(8))
async def test_a_copy_makes_two_databases_with_random_rows_equal(new_url: NewUrl, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  no secrets
    here, there = new_url("sqlite"), new_url("sqlite")
    people = [new_user(f"user{n}", UUID(int=chance.getrandbits(128))) for n in range(12)]
    for url in (here, there):
        names = chance.sample(range(12), 12)
        some = [
            replace(
                user, username=f"user{name}", canonical_username=f"user{name}", settings={"n": chance.choice(NUMBERS)}
            )
            for user, name in zip(people, names, strict=True)
            if chance.random() < (seed + 1) / 9
        ]
        await fill(
            url,
            *some,
            *(new_session(user) for user in some for _ in range(chance.randrange(4))),
            *(new_event(n, address=chance.choice("ab")) for n in range(1, 20) if chance.random() < (seed + 1) / 9),
        )
    await copied(here, there, overwrite=True, page_size=SMALL)
    assert changes(await copied(here, there, page_size=SMALL)) == [Changes()] * 3


async def test_a_copy_updates_values_that_only_python_takes_for_equal(new_url: NewUrl) -> None:
    here, there = new_url("sqlite"), new_url("postgresql")
    alice = new_user("alice", settings={"dark": 1})
    await fill(here, alice)
    await fill(there, replace(alice, settings={"dark": True}))
    assert changes(await copied(here, there)) == [Changes(updated=1), Changes(), Changes()]


@pytest.mark.parametrize(("source", "target"), WAYS)
async def test_a_second_copy_writes_only_what_has_changed(new_url: NewUrl, source: str, target: str) -> None:
    here, there = new_url(source), new_url(target)
    # The ids of those who get a name are smaller than of those who had it, and greater.
    gone = [new_user(f"gone{n}", UUID(int=2**127 + n)) for n in range(5)]
    swapped = [new_user(f"swapped{n}", UUID(int=2**126 + n)) for n in range(2)]
    kept = [new_user(f"kept{n}") for n in range(7)]
    session, unchanged = new_session(kept[0]), [new_session(user) for user in kept[1:] + swapped]
    await fill(here, *gone, *swapped, *kept, session, *unchanged, *(new_session(user) for user in gone), new_event(1))
    await copied(here, there, page_size=SMALL)
    assert changes(await copied(here, there, page_size=SMALL)) == [Changes()] * 3

    async with writing(here) as connection:
        await connection.execute(delete(users).where(users.c.id.in_([user.id for user in gone])))
        await connection.execute(update(users).where(users.c.id == kept[0].id).values(settings=AWKWARD))
        await connection.execute(update(sessions).where(sessions.c.id == session.id).values(generation=1))
        for user, name in zip(swapped, ("other", "swapped0"), strict=True):
            values = {"username": name, "canonical_username": name}
            await connection.execute(update(users).where(users.c.id == user.id).values(values))
    again = [replace(user, id=UUID(int=n)) for n, user in enumerate(gone[:3])]
    again += [replace(gone[3], id=UUID(int=2**128 - 1))]
    await fill(here, *again, new_session(kept[1]), new_session(again[0]), new_event(2))
    with pytest.raises(TargetHasMore):
        await copied(here, there, page_size=SMALL)
    # Users who swapped names are deleted and written again, with their sessions.
    assert changes(await copied(here, there, overwrite=True, page_size=SMALL)) == [
        Changes(inserted=4 + 2, updated=1, deleted=5 + 2),
        Changes(inserted=2 + 2, updated=1),
        Changes(inserted=1),
    ]


async def test_a_copy_deletes_users_that_only_the_target_has_only_with_overwrite(new_url: NewUrl) -> None:
    here, there = new_url("sqlite"), new_url("postgresql")
    bob = new_user("bob")
    await fill(here, new_user("alice"))
    await fill(there, bob, new_user("carol"), new_session(bob), new_event(1, bob))
    before = await contents(there)
    with pytest.raises(TargetHasMore) as refused:
        await copied(here, there)
    assert refused.value.users == 2
    assert await contents(there) == before
    assert changes(await copied(here, there, overwrite=True)) == [
        Changes(inserted=1, deleted=2),
        Changes(),  # they went with their users
        Changes(deleted=1),
    ]


@pytest.mark.parametrize("id_", (1, 2))
async def test_a_copy_undoes_changes_of_a_server_on_the_target_only_with_overwrite(new_url: NewUrl, id_: int) -> None:
    here, there = new_url("sqlite"), new_url("sqlite")
    await fill(here, new_user("alice"), new_event(1))
    await copied(here, there)
    async with writing(there) as connection:
        await connection.execute(delete(events).where(events.c.id == id_))
    await fill(there, new_event(id_, type=PASSWORD_CHANGED.name))
    before = await contents(there)
    with pytest.raises(TargetHasMore) as refused:
        await copied(here, there)
    assert refused.value.users == 0
    assert await contents(there) == before
    await copied(here, there, overwrite=True)


async def test_a_user_who_registers_on_the_target_during_a_copy_is_not_deleted(new_url: NewUrl) -> None:
    here, there = new_url("sqlite"), new_url("sqlite")
    await fill(here, new_user("alice"))
    progress = meanwhile("Copying users", lambda: fill(there, new_user("bob")))
    tables = await copy_database(here, there, overwrite=False, progress=progress)
    assert [(table.name, table.source.rows, table.target.rows) for table in tables if table.source != table.target] == [
        ("users", 1, 2)
    ]


@pytest.mark.parametrize("kind", ("sqlite", "postgresql"))
async def test_a_copy_has_the_source_as_it_was_at_the_start(new_url: NewUrl, kind: str) -> None:
    here, there = new_url(kind), new_url("sqlite")
    alice = new_user("alice")
    await fill(here, alice, new_session(alice), new_event(1))
    before = await contents(here)
    bob = new_user("bob")
    for step in ("Copying users", "Copying events", "Comparing users"):
        progress = meanwhile(step, lambda: fill(here, bob, new_session(bob), new_event(2)))
        tables = await copy_database(here, there, overwrite=False, progress=progress)
        assert [table.name for table in tables if table.source != table.target] == []
        assert await contents(there) == before
        async with writing(here) as connection:
            await connection.execute(delete(users).where(users.c.id == bob.id))
            await connection.execute(delete(events).where(events.c.id == 2))


@pytest.mark.parametrize("step", ("Copying users", "Copying sessions", "Copying events", "Comparing users"))
async def test_after_an_interrupted_copy_the_next_one_writes_the_rest(new_url: NewUrl, step: str) -> None:
    class Interrupted(BaseException):
        pass

    @contextmanager
    def progress(what: str, _rows: int) -> Iterator[Advance]:
        pages = 0

        def advance(_: int) -> None:
            nonlocal pages
            pages += 1
            if what == step and pages == 2:
                raise Interrupted

        yield advance

    here, there = new_url("sqlite"), new_url("postgresql")
    people = [new_user(f"user{n}") for n in range(10)]
    await fill(here, *people, *map(new_session, people), *map(new_event, range(1, 11)))
    with pytest.raises(Interrupted):
        await copy_database(here, there, overwrite=False, progress=progress, page_size=SMALL)
    written = {
        "Copying users": (6, 0, 0),
        "Copying sessions": (10, 6, 0),
        "Copying events": (10, 10, 6),
        "Comparing users": (10, 10, 10),
    }[step]
    in_target = await contents(there)
    assert tuple(len(in_target[name]) for name in NAMES) == written
    assert changes(await copied(here, there, page_size=SMALL)) == [Changes(inserted=10 - rows) for rows in written]


@on_sqlite
@pytest.mark.parametrize(("source", "target"), WAYS)
async def test_users_stay_signed_in_after_a_copy(run_api: RunApi, new_url: NewUrl, source: str, target: str) -> None:
    here, there = new_url(source), new_url(target)
    async with run_api(database_url=here) as api:
        alice = await api.signed_in()
        used = alice.cookies["refreshToken"]
        await alice.post("/refresh")
        await alice.patch("/api/settings", json=AWKWARD)
        tokens = {
            "Cookie": f"refreshToken={alice.cookies['refreshToken']}",
            "Authorization": alice.headers["Authorization"],
        }
    await copied(here, there)
    async with run_api(database_url=there) as api:
        alice = api.client(**tokens)
        assert (await alice.get("/profile")).json() == {"username": "alice"}
        assert (await alice.get("/api/settings")).json() == AWKWARD
        assert (await alice.post("/refresh")).status_code == 200
        assert (await sign_in(api.client())).cookies
        api.clock.advance(11)
        reuse = await api.client(Cookie=f"refreshToken={used}").post("/refresh")
        assert error_of(reuse)[:2] == (403, "refresh_token_invalid")
        assert [event.id for event in await api.events()] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("highest", (None, 1, 2000))
async def test_events_after_a_copy_are_numbered_from_the_highest_id_on(new_url: NewUrl, highest: int | None) -> None:
    here, there = new_url("sqlite"), new_url("postgresql")
    await fill(here, *([new_event(highest)] if highest else []))
    await copied(here, there)
    values = asdict(new_event(0))
    del values["id"]
    async with writing(there) as connection:
        assert (await connection.execute(insert(events).values(values).returning(events.c.id))).scalar() == (
            highest or 0
        ) + 1


async def test_a_copy_needs_a_source_with_the_schema(new_url: NewUrl) -> None:
    here, there = new_url("sqlite"), new_url("sqlite")
    await Database(here).close()  # which makes the file
    with pytest.raises(CannotCopy, match=r"^FROM has no schema or .*run `jwtapi migrate` on it"):
        await copy_database(here, there, overwrite=True, progress=no_progress)


@pytest.mark.parametrize("later", ("FROM", "TO"))
async def test_a_copy_refuses_the_schema_of_a_later_version(new_url: NewUrl, later: str) -> None:
    here, there = new_url("sqlite"), new_url("sqlite")
    await fill(here)
    async with writing(here if later == "FROM" else there) as connection:
        await connection.exec_driver_sql("UPDATE jwtapi_schema_version SET version_num = '9999'")
    with pytest.raises(CannotCopy, match=rf"^{later} has the schema of a later version"):
        await copy_database(here, there, overwrite=True, progress=no_progress)


@pytest.mark.parametrize("spoil", ("UPDATE users SET id = 'x'", "UPDATE users SET created_at = 'yesterday'"))
async def test_the_error_about_an_unreadable_row_names_its_database(new_url: NewUrl, spoil: str) -> None:
    here, there = new_url("sqlite"), new_url("sqlite")
    await fill(here, new_user("alice"))
    async with writing(here) as connection:
        await connection.exec_driver_sql(spoil)
    with pytest.raises(CannotCopy, match=r"^FROM cannot be used: ValueError"):
        await copy_database(here, there, overwrite=False, progress=no_progress)


@pytest.mark.parametrize(
    "row",
    (
        pytest.param(new_event(7, address="x" * 65), id="too long"),
        pytest.param(new_event(7, address="nul\0"), id="NUL"),
        pytest.param(new_session(new_user("bob"), id=UUID(int=7)), id="no such user"),
        pytest.param(new_session(new_user("alice", UUID(int=1)), id=UUID(int=7), generation=2**31), id="too great"),
    ),
)
async def test_the_error_about_rows_that_the_target_refuses_names_the_rows(
    new_url: NewUrl, row: Session | Event
) -> None:
    """SQLite keeps what PostgreSQL does not, and the `sqlite3` command does not look after foreign keys."""
    here, there = new_url("sqlite"), new_url("postgresql")
    await fill(here, new_user("alice", UUID(int=1)))
    table = events if isinstance(row, Event) else sessions
    heedless = create_engine(here.replace("+aiosqlite", ""))
    with heedless.begin() as connection:
        connection.execute(insert(table), asdict(row))
    heedless.dispose()
    with pytest.raises(CannotCopy, match=rf"^TO does not accept the {table.name} from {row.id} to {row.id}: \w+\.$"):
        await copy_database(here, there, overwrite=False, progress=no_progress)


def test_every_table_is_copied_but_those_whose_rows_live_for_minutes() -> None:
    of_minutes = {"rate_limits", "login_tickets", "passkey_challenges"}
    assert {table.name for table in persistent_tables()} == metadata.tables.keys() - of_minutes


def test_every_copied_table_has_a_key_that_a_copy_can_keep() -> None:
    """A copy finds rows by `id`, and numbers on only the events behind the highest one."""
    for table in persistent_tables():
        assert [column.name for column in table.primary_key] == ["id"], table.name
        assert isinstance(table.c.id.type, Uuid) or table is events, table.name


@pytest.mark.parametrize("kind", ("sqlite", "postgresql"))
async def test_columns_that_are_not_copied_are_filled_by_the_database(new_url: NewUrl, kind: str) -> None:
    here, there = new_url("sqlite"), new_url(kind)
    alice = new_user("alice")
    session = new_session(alice)
    await fill(here, alice, session, new_event(1))
    await copied(here, there)
    async with writing(there) as connection:
        assert (await connection.execute(select(sessions.c.expires_on))).scalar() == session.expires_at.date()
        transaction_id = (await connection.execute(select(events.c.transaction_id))).scalar()
        assert (transaction_id is None) == (kind == "sqlite")
