import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from jwtapi.errors import StorageUnavailable
from jwtapi.features.admin_activity import storage
from jwtapi.features.admin_activity.storage import DashboardRepository
from jwtapi.storage.sessions import SessionRepository
from tests.conftest import RunApi, on_sqlite
from tests.features.admin_activity.people import add_mail, administrator
from tests.support.api import PASSWORD, Api
from tests.support.statements import statements

PATH = "/api/admin/dashboard"


async def numbers(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get(PATH)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def at_half_past(api: Api) -> None:
    api.clock.now = api.clock.now.replace(minute=30, second=0, microsecond=0)


async def test_the_dashboard_counts_sign_ins_by_hour_and_outcome(api: Api) -> None:
    await at_half_past(api)
    await api.signed_in("alice")
    api.clock.advance(22 * 3600)
    await api.client().post("/login", json={"username": "alice", "password": "wrong wrong"})
    api.clock.advance(3600)
    ada = await administrator(api)
    hours = (await numbers(ada))["signIns"]
    this_hour = api.clock().replace(minute=0)
    assert [hour["hour"] for hour in hours] == [
        (this_hour - timedelta(hours=23 - number)).isoformat().replace("+00:00", "Z") for number in range(24)
    ]
    counts = [(hour["succeeded"], hour["failed"]) for hour in hours]
    assert counts == [(1, 0), *[(0, 0)] * 21, (0, 1), (1, 0)]


async def test_the_dashboard_counts_sessions_users_and_mails(api: Api) -> None:
    for name in ("alice", "bob"):
        await api.signed_in(name)
    await api.delete("bob")
    ada = await administrator(api)
    await add_mail(api)
    await add_mail(api, failed=True)
    found = await numbers(ada)
    assert (found["users"], found["sessionsAlive"]) == (2, 2)
    assert (found["mailsWaiting"], found["mailsFailed"]) == (1, 1)
    assert (found["workers"], found["hashQueue"]["pending"]) == (1, 0)
    assert found["hashQueue"]["most"] > 0
    assert found["countedAt"] == api.clock().isoformat().replace("+00:00", "Z")


async def test_the_numbers_are_counted_once_a_minute_however_often_they_are_read(api: Api) -> None:
    ada = await administrator(api)
    with statements(api, lambda sql: "count(" in sql) as sent:
        await asyncio.gather(*(numbers(ada) for _ in range(5)))
        once = len(sent)
        api.clock.advance(59)
        await numbers(ada)
        assert len(sent) == once > 0
        api.clock.advance(2)
        await numbers(ada)
        assert len(sent) == 2 * once


@on_sqlite
async def test_hours_with_more_events_than_are_read_are_missing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await at_half_past(api)
    for _ in range(3):
        await api.client().post("/login", json={"username": "nobody", "password": PASSWORD})
    api.clock.advance(3600)
    ada = await administrator(api)
    monkeypatch.setattr(storage, "MAX_EVENTS", 4)
    hours = (await numbers(ada))["signIns"]
    assert [(hour["succeeded"], hour["failed"]) for hour in hours] == [(1, 0)]


@on_sqlite
async def test_what_takes_too_long_to_count_has_no_number(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable

    ada = await administrator(api)
    monkeypatch.setattr(DashboardRepository, "sign_ins", fail)
    monkeypatch.setattr(DashboardRepository, "users", fail)
    monkeypatch.setattr(SessionRepository, "count_alive", fail)
    found = await numbers(ada)
    assert (found["signIns"], found["users"], found["sessionsAlive"], found["mailsWaiting"]) == ([], None, None, 0)


@on_sqlite
@pytest.mark.parametrize("metrics", (False, True))
async def test_refused_requests_are_counted_by_limit_with_metrics_and_without(
    run_api: RunApi, *, metrics: bool
) -> None:
    limits = {"login_rate_limit": "1/hour", "account_rate_limit": "100/hour", "register_rate_limit": "100/hour"}
    async with run_api(rate_limit_enabled=True, metrics_enabled=metrics, **limits) as api:
        ada = await administrator(api)
        assert (await numbers(ada))["limitsHit"] == {}
        stranger = api.client(address="198.51.100.4")
        for _ in range(3):
            await stranger.post("/login", json={"username": "nobody", "password": PASSWORD})
        assert (await numbers(ada))["limitsHit"] == {"login": 2}
