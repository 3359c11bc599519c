"""What is counted and measured, on one process; tests/processes/test_many_workers.py has several."""

import asyncio
import os
import re

import httpx
import pytest

from jwtapi.gauges import Gauges
from jwtapi.security.passwords import WAITING_PER_THREAD, PasswordHasher
from jwtapi.signing.service import SigningKeys
from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of, register, sign_in
from tests.support.gate import Gate
from tests.support.postgresql import PostgreSQL

TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
OUTCOMES = ("next", "present", "reused", "invalid")


async def scrape(api: Api) -> dict[str, float]:
    """Value by series, as in the text."""
    text = (await api.client().get("/metrics")).text
    return {series: float(value) for series, value in re.findall(r"^([^#\n]+) (\S+)$", text, re.MULTILINE)}


async def until(api: Api, series: str, value: float) -> None:
    async with asyncio.timeout(30):
        while (await scrape(api)).get(series) != value:
            await asyncio.sleep(0.01)


async def test_refreshes_are_counted_by_outcome_and_reuse_by_session(run_api: RunApi) -> None:
    async with run_api(metrics_enabled=True) as api:
        alice = await api.signed_in()
        first = alice.cookies["refreshToken"]
        for _ in range(2):
            await alice.post("/refresh")
        other_tab = api.client(Cookie=f"refreshToken={first}")
        assert (await other_tab.post("/refresh")).status_code == 200
        api.clock.advance(60)
        for _ in range(2):  # the second time its session is over
            assert (await other_tab.post("/refresh")).status_code == 403
        assert (await api.client(Cookie="refreshToken=forged").post("/refresh")).status_code == 403
        assert (await api.client().post("/refresh")).status_code == 401
        found = await scrape(api)
    by_outcome = {outcome: found[f'jwtapi_refreshes_total{{outcome="{outcome}"}}'] for outcome in OUTCOMES}
    assert by_outcome == {"next": 2, "present": 1, "reused": 1, "invalid": 2}
    assert found["jwtapi_refresh_token_reuses_total"] == 1
    assert found["jwtapi_registrations_total"] == 1


async def test_a_reuse_beside_a_good_token_of_another_session_is_counted(run_api: RunApi) -> None:
    async with run_api(metrics_enabled=True) as api:
        mallory = await api.signed_in("mallory")
        api.clock.advance(1)
        alice = await api.signed_in()
        stolen = alice.cookies["refreshToken"]  # the newer of the two, so it is looked at first
        for _ in range(2):
            await alice.post("/refresh")
        api.clock.advance(60)
        both = f"refreshToken={stolen}; refreshToken={mallory.cookies['refreshToken']}"
        assert (await api.client(Cookie=both).post("/refresh")).status_code == 200
        found = await scrape(api)
    assert found["jwtapi_refresh_token_reuses_total"] == 1
    assert found['jwtapi_refreshes_total{outcome="reused"}'] == 0


@on_sqlite
async def test_a_login_that_finds_the_queue_full_is_counted(run_api: RunApi, monkeypatch: pytest.MonkeyPatch) -> None:
    async with run_api(metrics_enabled=True) as api:
        client = api.client()
        await register(client)
        most = (os.cpu_count() or 1) * (1 + WAITING_PER_THREAD)
        monkeypatch.setattr(api.services[PasswordHasher], "_pending", most)
        answer = await client.post("/login", json={"username": "alice", "password": PASSWORD})
        assert error_of(answer)[:2] == (503, "overloaded")
        assert (await scrape(api))['jwtapi_logins_total{outcome="overloaded"}'] == 1


async def test_the_wait_of_a_hash_for_a_thread_is_measured() -> None:
    waits: list[float] = []
    hasher = PasswordHasher(rounds=4, threads=1, on_wait=waits.append)
    await asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(3)))
    assert len(waits) == 3
    assert all(0 <= wait < 60 for wait in waits)
    await hasher.close()


async def test_the_sessions_that_are_alive_are_counted(run_api: RunApi) -> None:
    async with run_api(metrics_enabled=True, refresh_token_ttl=86_400) as api:
        gauges = api.services[Gauges]
        await until(api, "jwtapi_sessions_alive", 0)
        clients = [await sign_in(api.client()) if n else await api.signed_in() for n in range(4)]
        await clients[0].post("/logout")
        await gauges.count_sessions()
        assert (await scrape(api))["jwtapi_sessions_alive"] == 3
        api.clock.advance(86_000)
        await clients[1].post("/refresh")
        api.clock.advance(1_000)  # the others expired, some of them today
        await gauges.count_sessions()
        assert (await scrape(api))["jwtapi_sessions_alive"] == 1


@on_sqlite
async def test_the_numbers_of_sessions_and_mails_are_nan_while_they_cannot_be_counted(run_api: RunApi) -> None:
    async with run_api(metrics_enabled=True) as api:
        await until(api, "jwtapi_sessions_alive", 0)
        await api.sql("ALTER TABLE sessions RENAME TO away")
        await api.sql("ALTER TABLE mails RENAME TO mails_away")
        await api.services[Gauges].count_sessions()
        await api.services[Gauges].count_mails()
        text = (await api.client().get("/metrics")).text
        assert "jwtapi_sessions_alive NaN" in text
        assert "jwtapi_mails_waiting NaN" in text


async def test_work_in_the_database_is_measured(run_api: RunApi) -> None:
    async with run_api(metrics_enabled=True) as api:
        before = await scrape(api)
        await api.signed_in()
        after = await scrape(api)
        for series in (
            'jwtapi_database_duration_seconds_count{kind="read"}',
            'jwtapi_database_duration_seconds_count{kind="write"}',
        ):
            assert after[series] > before[series]
        blocks = sum(
            value for series, value in after.items() if series.startswith("jwtapi_database_duration_seconds_count")
        )
        assert after["jwtapi_database_wait_seconds_count"] == blocks
        assert after["jwtapi_database_failures_total"] == 0
        await api.sql("ALTER TABLE users RENAME TO away")
        response: httpx.Response = await api.client().post("/login", json={"username": "alice", "password": PASSWORD})
        assert response.status_code == 503
        assert (await scrape(api))["jwtapi_database_failures_total"] == 1


async def until_keys_are_read(api: Api) -> None:
    """Wait until the signing keys were read after the change feed began, which they follow."""
    keys = api.services[SigningKeys]
    while keys.changes == 0 or keys._loaded_at != keys.changes:  # noqa: SLF001
        await asyncio.sleep(0.001)


async def test_connections_in_use_and_units_that_wait_for_one_are_measured(run_api: RunApi) -> None:
    # The change feed does not poll, because on a slow machine its read would be a third unit that waits.
    async with run_api({"feed_poll_seconds": 3600}, metrics_enabled=True) as api:
        database, gauges = api.services[Database], api.services[Gauges]
        most = database.connections().most
        await until_keys_are_read(api)  # or that would be a third unit
        idle = 0 if database.is_sqlite else 1  # on PostgreSQL the pool has the connection that follows the changes
        await until(api, "jwtapi_database_pool_in_use", idle)
        gate = Gate()
        held = [asyncio.create_task(database.write(gate.hold))]
        await gate.reached.wait()
        while database.connections().in_use != idle + 1:  # a background job may use one for a moment
            await asyncio.sleep(0)
        gauges.update()
        assert (await scrape(api))["jwtapi_database_pool_in_use"] == idle + 1
        held += [asyncio.create_task(database.read(gate.hold)) for _ in range(most - idle + 1)]
        while database.connections()[1:] != (most, 2):
            await asyncio.sleep(0)
        gauges.update()
        found = await scrape(api)
        assert found["jwtapi_database_pool_size"] == found["jwtapi_database_pool_in_use"] == most
        assert found["jwtapi_database_pool_waiting"] == 2
        for task in held:
            task.cancel()
        gate.open()
        await asyncio.wait(held)
        while database.connections() != (most, idle, 0):
            await asyncio.sleep(0)


@on_sqlite
async def test_the_lag_of_the_change_feed_grows_while_the_database_is_away(
    run_api: RunApi, postgresql: PostgreSQL
) -> None:
    url = postgresql.new_database()
    async with run_api(metrics_enabled=True, database_url=url) as api:
        silence = api.services[ChangeFeed].silence
        async with asyncio.timeout(30):
            while not api.services[ChangeFeed].is_live():
                await asyncio.sleep(0.01)
            assert (await scrape(api))["jwtapi_change_feed_interruptions_total"] == 0
            name = url.rpartition("/")[2].partition("?")[0]
            postgresql.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            postgresql.execute(TERMINATE.format(name))
            while silence() < 1:
                await asyncio.sleep(0.01)
            api.services[Gauges].update()
            found = await scrape(api)
            assert found["jwtapi_change_feed_lag_seconds"] >= 1
            assert found["jwtapi_change_feed_interruptions_total"] == 1
            postgresql.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            while silence() > 1:
                await asyncio.sleep(0.01)


@on_sqlite
async def test_the_metrics_describe_the_process_and_its_versions(run_api: RunApi) -> None:
    async with run_api(metrics_enabled=True) as api:
        await until(api, "jwtapi_workers", 1)
        found = await scrape(api)
        (build,) = (series for series in found if series.startswith("jwtapi_build_info{"))
        assert re.fullmatch(r'jwtapi_build_info\{database="sqlite",python="3[\d.]+\w*",version="[\d.]+"\}', build)
        assert found["process_start_time_seconds"] > 0
        assert found["process_resident_memory_bytes"] > 10_000_000
        assert 0 < found["process_open_fds"] < found["process_max_fds"]
        api.services[Gauges].update()
        assert (await scrape(api))["process_cpu_seconds_total"] >= found["process_cpu_seconds_total"] > 0


async def test_nothing_is_measured_where_metrics_are_off(api: Api) -> None:
    assert api.services[Database]._on_unit is None  # noqa: SLF001  there is nothing to see of it
    assert not {"gauges", "count of sessions"} & {task.get_name() for task in asyncio.all_tasks()}
