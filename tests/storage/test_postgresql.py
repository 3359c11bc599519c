"""The parts of the contract where PostgreSQL and SQLite could differ."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from jwtapi import audit
from jwtapi.caller import COMMAND_LINE
from jwtapi.errors import StorageUnavailable
from jwtapi.sessions.events import SESSION_REVOKED, SESSIONS_REVOKED
from jwtapi.storage.database import Database, OutdatedSchema
from jwtapi.storage.faults import describe, may_pass
from jwtapi.storage.sessions import Session
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User
from tests.conftest import JWT_SECRET, REFRESH_SECRET, MakeSettings, RunApi, on_sqlite
from tests.support.api import PASSWORD, error_of, sign_in
from tests.support.gate import Gate, held
from tests.support.postgresql import PostgreSQL
from tests.support.server import JWTAPI, clean_environment, free_port
from tests.support.wire import wire_to

once = on_sqlite
"""For tests that bring a database of their own. Otherwise each would run twice on PostgreSQL."""


@pytest.fixture
def url(postgresql: PostgreSQL) -> str:
    return postgresql.new_empty_database()


@once
async def test_a_session_works_from_registration_to_logout_on_postgresql(run_api: RunApi, url: str) -> None:
    async with run_api(database_url=url) as api:
        alice = await api.signed_in()
        assert (await alice.patch("/api/settings", json={"a": {"b": "é"}})).json() == {"a": {"b": "é"}}
        used = alice.cookies["refreshToken"]
        for _ in range(2):
            assert (await alice.post("/refresh")).status_code == 200
        api.clock.advance(11)
        reuse = await api.client(Cookie=f"refreshToken={used}").post("/refresh")
        assert error_of(reuse)[:2] == (403, "refresh_token_invalid")
        assert error_of(await alice.get("/profile"))[:2] == (401, "token_invalid")
        await sign_in(alice)
        assert (await alice.post("/logout")).status_code == 200
        assert error_of(await alice.get("/profile"))[:2] == (401, "token_invalid")
        assert await api.event_types() == [
            "user.registered",
            "login.succeeded",
            "session.revoked",
            "session.refresh_token_reused",
            "login.succeeded",
            "session.revoked",
        ]


@once
@pytest.mark.parametrize(
    ("parameter", "variable", "expected"),
    (("", "", "jwtapi"), ("", "variable", "variable"), ("application_name=parameter", "variable", "parameter")),
)
async def test_connections_to_postgresql_have_an_application_name(
    make_settings: MakeSettings,
    postgresql: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    parameter: str,
    variable: str,
    expected: str,
) -> None:
    monkeypatch.setenv("PGAPPNAME", variable)
    named = f"{url}{'&' if '?' in url else '?'}{parameter}" if parameter else url
    database = Database.of(make_settings(database_url=named, database_pool_size=3))
    await database.migrate()
    async with held(database.read), held(database.read):
        await database.check()
        found = postgresql.execute(
            "SELECT application_name FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
            url,
        )
    assert [name for (name,) in found] == [expected] * 3
    await database.close()


@once
async def test_of_twenty_simultaneous_registrations_on_postgresql_one_succeeds(run_api: RunApi, url: str) -> None:
    async with run_api(database_url=url) as api:
        body = {"username": "alice", "password": PASSWORD}
        answers = await asyncio.gather(*(api.client().post("/register", json=body) for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19


@once
@pytest.mark.parametrize("username", ("nul\0", "\ud7ff", "x" * 10_000))
async def test_a_name_that_no_database_can_hold_is_an_unknown_user(run_api: RunApi, url: str, username: str) -> None:
    async with run_api(database_url=url) as api:
        response = await api.client().post("/login", json={"username": username, "password": PASSWORD})
        assert error_of(response)[:2] == (401, "invalid_credentials")


@once
async def test_fifty_simultaneous_refreshes_on_postgresql_return_one_successor(run_api: RunApi, url: str) -> None:
    async with run_api(database_url=url) as api:
        alice = await api.signed_in()
        clients = [api.client(Cookie=f"refreshToken={alice.cookies['refreshToken']}") for _ in range(50)]
        answers = await asyncio.gather(*(client.post("/refresh") for client in clients))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.cookies["refreshToken"] for answer in answers}) == 1


async def test_a_unit_that_fails_on_postgresql_does_not_refresh_a_session(url: str) -> None:
    database = Database(url)
    await database.migrate()
    now = datetime.now(UTC)
    later = now + timedelta(days=1)
    user = User(uuid4(), "alice", "alice", "hash", [], {}, now, None)
    session = Session(uuid4(), user.id, 0, b"k" * 32, now, now, later, later, None)

    def add(uow: UnitOfWork) -> None:
        uow.users.add(user)
        uow.sessions.add(session)

    def refresh_and_fail(uow: UnitOfWork) -> None:
        assert uow.sessions.rotate(session.id, user.id, 0, now=now, idle_until=later) is not None
        raise LookupError

    await database.write(add)
    with pytest.raises(LookupError):
        await database.write(refresh_and_fail)
    assert await database.read(lambda uow: uow.sessions.get(session.id)) == session
    await database.close()


@once
async def test_no_change_of_simultaneous_patches_on_postgresql_is_lost(run_api: RunApi, url: str) -> None:
    async with run_api(database_url=url) as api:
        alice = await api.signed_in()
        await asyncio.gather(*(alice.patch("/api/settings", json={f"key{n}": n}) for n in range(20)))
        assert (await alice.get("/api/settings")).json() == {f"key{n}": n for n in range(20)}


@once
async def test_an_empty_postgresql_database_needs_a_migration(make_settings: MakeSettings, url: str) -> None:
    database = Database(make_settings(database_url=url).database_url.get_secret_value())
    with pytest.raises(OutdatedSchema):
        await database.check()
    await database.migrate()
    await database.check()
    await database.close()


async def test_simultaneous_migrations_of_postgresql_are_harmless(tmp_path: Path, url: str) -> None:
    environment = clean_environment(JWT_SECRET=JWT_SECRET, REFRESH_SECRET=REFRESH_SECRET, DATABASE_URL=url)
    processes = [
        await asyncio.create_subprocess_exec(JWTAPI, "migrate", cwd=tmp_path, env=environment) for _ in range(3)
    ]
    assert [await process.wait() for process in processes] == [0, 0, 0]


@once
async def test_a_missing_postgresql_database_is_unavailable(make_settings: MakeSettings, url: str) -> None:
    missing = url.replace("/test_", "/missing_")
    database = Database(make_settings(database_url=missing).database_url.get_secret_value())
    with pytest.raises(StorageUnavailable):
        await database.check()


@once
async def test_a_missing_postgresql_server_is_unavailable(make_settings: MakeSettings) -> None:
    url = f"postgresql://jwtapi:x@127.0.0.1:{free_port()}/jwtapi"
    database = Database(make_settings(database_url=url).database_url.get_secret_value())
    with pytest.raises(StorageUnavailable):
        await database.check()


@once
async def test_storing_arrivals_skips_a_session_that_another_transaction_has_locked(run_api: RunApi, url: str) -> None:
    async with run_api(database_url=url) as api:
        clients = [await api.signed_in(name) for name in ("alice", "bob")]
        ids = [event.session_id for name in ("alice", "bob") for event in (await api.events(name))[-1:]]
        for client in clients:
            assert (await client.post("/refresh")).status_code == 200
        assert ids[1] is not None
        bob_id, id_of_bob = (await api.user("bob")).id, ids[1]
        revoked = audit.event(SESSION_REVOKED, at=api.clock(), caller=COMMAND_LINE, user_id=bob_id)
        async with held(api.services[Database].write, lambda uow: uow.sessions.revoke(id_of_bob, bob_id, revoked)):
            arrived = {id_: 1 for id_ in ids if id_ is not None}
            await api.services[Database].write(lambda uow: uow.sessions.mark_arrived(arrived), durable=False)
        assert await api.sql("SELECT arrived_generation FROM sessions ORDER BY revoked_at NULLS FIRST") == [(1,), (0,)]


@once
async def test_a_user_is_deleted_while_a_login_ends_the_oldest_session(run_api: RunApi, url: str) -> None:
    async with run_api(database_url=url, max_sessions_per_user=1) as api:
        await api.signed_in()
        (user_id,) = {event.user_id for event in await api.events()}
        assert user_id is not None
        revoked = audit.event(SESSIONS_REVOKED, at=api.clock(), caller=COMMAND_LINE, user_id=user_id)
        async with held(
            api.services[Database].write,
            lambda uow: uow.users.get_for_update(user_id),
            then=lambda uow: uow.sessions.revoke_all(user_id, revoked),
        ):
            deleting = asyncio.create_task(api.delete())
            while await api.sql("SELECT 1 FROM pg_locks WHERE NOT granted") == []:
                await asyncio.sleep(0.01)
        await deleting
        assert await api.sql("SELECT count(*) FROM users WHERE deleted_at IS NULL") == [(0,)]


@once
async def test_no_login_that_waited_for_another_one_leaves_more_sessions_than_the_maximum(
    run_api: RunApi, url: str
) -> None:
    async with run_api(database_url=url, max_sessions_per_user=12, database_pool_size=14) as api:
        await api.signed_in()
        ((user_id,),) = await api.sql("SELECT id FROM users")
        async with held(api.services[Database].write, lambda uow: uow.users.get_for_update(user_id)):
            logins = [asyncio.create_task(sign_in(api.client())) for _ in range(13)]
            while len(await api.sql("SELECT 1 FROM pg_locks WHERE NOT granted")) < len(logins):
                await asyncio.sleep(0.01)
        await asyncio.gather(*logins)
        assert await api.sql("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == [(12,)]


@once
async def test_a_refresh_changes_no_index(run_api: RunApi, url: str) -> None:
    async with run_api(database_url=url) as api:
        alice = await api.signed_in()
        for _ in range(20):
            assert (await alice.post("/refresh")).status_code == 200
        updates: list[tuple[int, int]] = []
        while not updates or updates[0][0] < 20:
            await api.user()  # a connection reports what it did at its next use, a second later; else it takes ten
            updates = await api.sql(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'sessions'"
            )
        assert updates == [(20, 20)]


@once
async def test_only_one_of_two_transactions_can_claim_a_task_until_it_ends(
    make_settings: MakeSettings, url: str
) -> None:
    database = Database(make_settings(database_url=url).database_url.get_secret_value())

    async def locks(*tasks: str) -> list[bool]:
        return await database.write(lambda uow: [uow.try_lock(task) for task in tasks])

    async with held(database.write, lambda uow: uow.try_lock("housekeeping")):
        assert await locks("housekeeping", "another task") == [False, True]
    assert await locks("housekeeping") == [True]
    await database.close()


async def test_a_unit_that_is_cancelled_on_postgresql_is_rolled_back_and_its_connection_can_be_replaced(
    postgresql: PostgreSQL,
) -> None:
    url = postgresql.new_database().replace("postgresql://", "postgresql+asyncpg://")
    database = Database(url, pool_size=1)
    gate = Gate()

    def lock_and_wait(uow: UnitOfWork) -> None:
        uow.rate_limits.acquire("cancelled", amount=1, period=60, now=0, latest=0)
        gate.hold(uow)

    writing = asyncio.create_task(database.write(lock_and_wait))
    await gate.reached.wait()
    writing.cancel()
    await asyncio.wait([writing])
    assert writing.cancelled()
    # Waits if the transaction is still open, and counts nothing if it was committed.
    acquired = await database.write(
        lambda uow: uow.rate_limits.acquire("cancelled", amount=1, period=60, now=0, latest=0)
    )
    assert acquired is not None
    await database.close()


async def test_a_server_that_closes_the_connections_it_accepts_is_an_outage(postgresql: PostgreSQL) -> None:
    async with wire_to(postgresql.new_database()) as (wire, url):
        database = Database(url)
        async with held(database.read):
            to_connect = -wire.round_trips
            async with held(database.read):
                to_connect += wire.round_trips
                wire.closes_after = to_connect
                with pytest.raises(StorageUnavailable) as outage:
                    await database.read(lambda _: None)
                assert "ConnectionResetError: Connection reset by peer" in describe(outage.value)
                assert may_pass(outage.value)
                wire.closes_after = None
                await database.read(lambda _: None)
        await database.close()
