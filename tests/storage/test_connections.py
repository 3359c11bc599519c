"""PostgreSQL grants fewer connections than the pool could hold."""

import asyncio

import pytest

from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.engine import POOL_SIZE
from tests.conftest import MakeSettings, RunApi, on_sqlite
from tests.storage.test_work_of_requests import running_without_jobs
from tests.support.api import PASSWORD, Api, error_of, register
from tests.support.clock import FakeClock
from tests.support.postgresql import PostgreSQL
from tests.support.wire import wire_to

pytestmark = on_sqlite  # once: the tests bring a database of their own


class Granted:
    """A database whose role may have so many connections."""

    def __init__(self, postgresql: PostgreSQL) -> None:
        self._postgresql = postgresql
        self._database, self._role = postgresql.new_database(), postgresql.new_role()
        for kind in ("TABLES", "SEQUENCES"):
            postgresql.execute(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {self._role}", self._database)
        self.url = postgresql.as_role(self._database, self._role)

    def at_most(self, connections: int) -> None:
        self._postgresql.execute(f"ALTER ROLE {self._role} CONNECTION LIMIT {connections}")

    def cut(self, condition: str = "true") -> None:
        """End connections, and wait up to ten seconds until they have ended."""
        of_role = f"usename = '{self._role}' AND {condition}"
        self._postgresql.execute(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {of_role}")  # noqa: S608


@pytest.fixture
def granted(postgresql: PostgreSQL) -> Granted:
    return Granted(postgresql)


async def until_changes_are_heard(api: Api) -> None:
    while not api.services[ChangeFeed].is_live():
        await asyncio.sleep(0.01)


async def test_requests_wait_for_a_connection_where_the_server_grants_few(run_api: RunApi, granted: Granted) -> None:
    granted.at_most(2)
    async with run_api(database_url=granted.url) as api:
        await until_changes_are_heard(api)
        await asyncio.gather(*(register(api.client(), f"user{n}") for n in range(12)))
        assert (await api.client().get("/health/ready")).status_code == 200


async def test_the_last_connection_is_kept_for_requests(run_api: RunApi, granted: Granted) -> None:
    granted.at_most(1)
    async with run_api(database_url=granted.url) as api:
        await asyncio.gather(*(register(api.client(), f"user{n}") for n in range(3)))
        assert not api.services[ChangeFeed].is_live()
        granted.at_most(3)
        await until_changes_are_heard(api)


async def test_the_change_feed_gives_its_connection_back_to_requests(run_api: RunApi, granted: Granted) -> None:
    granted.at_most(2)
    async with run_api(database_url=granted.url) as api:
        await until_changes_are_heard(api)
        granted.at_most(1)
        granted.cut("query NOT LIKE '%events%'")  # all but the one that follows the changes
        await register(api.client())


async def test_without_any_connection_requests_get_a_503_until_there_is_one_again(
    run_api: RunApi, granted: Granted, capsys: pytest.CaptureFixture[str]
) -> None:
    async with run_api(database_url=granted.url) as api:
        granted.at_most(0)
        granted.cut()
        answer = await api.client().post("/register", json={"username": "alice", "password": "a long password"})
        assert error_of(answer)[:2] == (503, "storage_unavailable")
        assert "TooManyConnectionsError: too many connections for role" in capsys.readouterr().out
        granted.at_most(2)
        await register(api.client())


@pytest.mark.parametrize("path", ("/login", "/register"))  # asks the driver itself, and asks SQLAlchemy
async def test_a_connection_whose_end_is_announced_is_an_outage_once(
    make_settings: MakeSettings, clock: FakeClock, postgresql: PostgreSQL, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Without the change feed, which may be the first to hear it, and then all connections are replaced.
    async with (
        wire_to(postgresql.new_database()) as (wire, url),
        running_without_jobs(make_settings, clock, database_url=url, rate_limit_enabled=False) as api,
    ):
        await register(api.client())
        await wire.announce_shutdown()
        answer = await api.client().post(path, json={"username": "bob", "password": PASSWORD})
        assert error_of(answer)[:2] == (503, "storage_unavailable")
        assert "InternalClientError: the connection is lost" in capsys.readouterr().out
        for _ in range(POOL_SIZE):  # each connection that heard it fails once
            answer = await api.client().post("/register", json={"username": "bob", "password": PASSWORD})
            if answer.status_code != 503:
                break
        assert answer.status_code == 201
