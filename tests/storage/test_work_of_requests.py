"""What requests ask of the database, with the settings of production and with the limits in the database."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from sqlalchemy import event

from jwtapi.app import create_app
from jwtapi.composition import open_services
from jwtapi.signing.service import SigningKeys
from jwtapi.storage.database import Database
from tests.conftest import MakeSettings, on_sqlite
from tests.support.api import PASSWORD, Api, register
from tests.support.clock import FakeClock
from tests.support.wire import wire_to

PRODUCTION: dict[str, Any] = {"environment": "production", "rate_limit_enabled": True, "bcrypt_rounds": 10}


@asynccontextmanager
async def running_without_jobs(
    make_settings: MakeSettings,
    clock: FakeClock,
    before_it_connects: Callable[[Database], None] = lambda _: None,
    **settings: Any,
) -> AsyncIterator[Api]:
    """Run the app alone, because the statements of background jobs would be counted too."""
    async with open_services(make_settings(**PRODUCTION | settings), clock) as services:
        before_it_connects(services[Database])
        await services[SigningKeys].start()
        api = Api(create_app(services), services, clock)
        yield api
        await api.close()


async def live_a_session(api: Api, after: Callable[[str], None] = lambda _: None) -> None:
    """Send the requests of a session. `after` is called with the name of each request when it was answered."""
    client = api.client()
    client.base_url = "https://api.example"
    login = await client.post("/login", json={"username": "alice", "password": PASSWORD})
    assert login.status_code == 200
    after("login")
    headers = {"Authorization": f"Bearer {login.json()['accessToken']}"}
    assert (await client.get("/profile", headers=headers)).status_code == 200
    after("first sight")
    for path in ("refresh", "logout"):
        assert (await client.post(f"/{path}")).status_code == 200
        after(path)


@pytest.mark.parametrize("database_url", ("postgresql",), indirect=True)
async def test_requests_take_few_round_trips_to_postgresql(
    make_settings: MakeSettings, clock: FakeClock, database_url: str
) -> None:
    async with (
        wire_to(database_url) as (wire, url),
        running_without_jobs(make_settings, clock, database_url=url) as api,
    ):
        await register(api.client())
        await live_a_session(api)  # from now on all statements are prepared
        found: dict[str, int] = {}

        def count(request: str) -> None:
            found[request] = wire.round_trips
            wire.round_trips = 0

        wire.round_trips = 0
        await live_a_session(api, count)
    # Nothing runs the change feed here, so a check also reads the keys. With the feed it is one round trip.
    bounds = {"login": 6, "first sight": 2, "refresh": 3, "logout": 3}
    assert {request: found[request] for request in bounds if not 0 < found[request] <= bounds[request]} == {}


class Work(NamedTuple):
    statements: int = 0
    commits: int = 0
    durable_commits: int = 0
    """Those that wait for the disk."""


class SqliteWork:
    """Counts what SQLite does. A commit under `synchronous=FULL` is one fsync."""

    def __init__(self) -> None:
        self._is_durable = True
        self._done = Work()

    def watch(self, connection: Any, _: Any) -> None:
        connection.set_trace_callback(self._count)

    def take(self) -> Work:
        """Return what was done since the last call."""
        done, self._done = self._done, Work()
        return done

    def _count(self, sql: str) -> None:
        match sql.split():
            case ["PRAGMA", "synchronous", "=", level]:
                self._is_durable = level == "FULL"
            case ["COMMIT"]:
                statements, commits, durable = self._done
                self._done = Work(statements, commits + 1, durable + self._is_durable)
            case ["SELECT" | "INSERT" | "UPDATE" | "DELETE", *_]:
                self._done = self._done._replace(statements=self._done.statements + 1)


@on_sqlite
async def test_requests_take_few_statements_and_one_wait_for_the_disk_on_sqlite(
    make_settings: MakeSettings, clock: FakeClock
) -> None:
    work, found = SqliteWork(), dict[str, Work]()

    def watch(database: Database) -> None:
        event.listen(database.engine_of_units, "connect", work.watch)

    async with running_without_jobs(make_settings, clock, watch) as api:
        await register(api.client())
        work.take()
        await live_a_session(api, lambda request: found.update({request: work.take()}))
    assert found == {
        "login": Work(statements=9, commits=5, durable_commits=1),  # one of them records when it was
        "first sight": Work(statements=2),  # the session, and without the change feed the keys
        "refresh": Work(statements=2, commits=2, durable_commits=1),
        "logout": Work(statements=3, commits=1, durable_commits=1),
    }
