import asyncio

import structlog

from jwtapi.housekeeping import Housekeeping
from jwtapi.storage.database import Database
from tests.conftest import RunApi
from tests.support.api import Api, error_of, sign_in
from tests.support.statements import statements

DAY = 24 * 3600


async def test_housekeeping_deletes_ended_sessions_and_no_others(api: Api) -> None:
    alice = await api.signed_in()
    signed_out = await sign_in(api.client())
    await signed_out.post("/logout")
    expiring = await sign_in(api.client())
    api.clock.advance(DAY)
    assert await api.services[Housekeeping].prune("sessions") == 1
    api.clock.advance(5 * DAY)
    await alice.post("/refresh")
    api.clock.advance(2 * DAY)
    assert await api.services[Housekeeping].prune("sessions") == 1
    assert await api.services[Housekeeping].prune("sessions") == 0
    assert (await alice.post("/refresh")).status_code == 200
    assert error_of(await expiring.post("/refresh"))[0] == 403


async def test_housekeeping_deletes_events_past_their_age_except_the_last(run_api: RunApi) -> None:
    async with run_api(event_max_age=DAY) as api:
        alice = await api.signed_in()
        api.clock.advance(DAY / 2)
        await alice.post("/logout")
        api.clock.advance(DAY / 2 + 1)
        await api.services[Housekeeping].clean_up()
        assert await api.event_types() == ["session.revoked"]
        api.clock.advance(2 * DAY)
        await api.services[Housekeeping].clean_up()
        # An id must not be given away twice: who follows the events would miss the second that has it.
        assert await api.event_types() == ["session.revoked"]


async def test_housekeeping_deletes_empty_windows_of_the_rate_limits(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, login_rate_limit="5/hour") as api:
        await api.client().post("/login", json={"username": "nobody", "password": "x"})
        count = "SELECT count(*) FROM rate_limits"
        await api.services[Housekeeping].clean_up()
        assert await api.sql(count) == [(2,)]
        api.clock.advance(3600)
        await api.services[Housekeeping].clean_up()
        assert await api.sql(count) == [(0,)]


async def test_housekeeping_deletes_in_batches_until_nothing_is_left(api: Api) -> None:
    alice = await api.signed_in()
    for _ in range(4):
        await sign_in(alice)
    api.clock.advance(8 * DAY)
    prunes = {"sessions": lambda uow, limit: uow.sessions.prune(api.clock(), limit=limit)}
    housekeeping = Housekeeping(api.services[Database], prunes, batch=2)
    with statements(api, lambda sql: sql.startswith("DELETE FROM sessions")) as sent:
        assert await housekeeping.prune("sessions") == 5
    assert len(sent) == 3


async def test_a_serving_process_runs_housekeeping(run_api: RunApi) -> None:
    async with run_api({"housekeeping_seconds": 0.01}) as api:
        await api.signed_in()
        api.clock.advance(8 * DAY)
        while await api.sql("SELECT count(*) FROM sessions") != [(0,)]:
            await asyncio.sleep(0.01)


async def test_of_several_processes_only_one_runs_housekeeping_at_a_time(api: Api) -> None:
    await api.signed_in()
    api.clock.advance(8 * DAY)
    assert sorted(await asyncio.gather(*(api.services[Housekeeping].prune("sessions") for _ in range(3)))) == [0, 0, 1]


async def test_a_database_that_refuses_housekeeping_is_logged_once(api: Api) -> None:
    tries = 0

    class Counting(Housekeeping):
        async def clean_up(self) -> None:
            nonlocal tries
            tries += 1
            await super().clean_up()

    prunes = {"events": lambda uow, limit: uow.events.prune(api.clock(), limit=limit)}
    await api.sql("ALTER TABLE events RENAME TO away")
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(Counting(api.services[Database], prunes, interval_seconds=0.001).run())
        async with asyncio.timeout(30):
            while tries < 4:
                await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.wait([running])
    (logged,) = [entry for entry in logs if entry["event"] == "the database refuses housekeeping"]
    assert logged["log_level"] == "error"
    assert "events" in logged["cause"]
