"""GET /revocations?wait=…: who waits, what wakes them, and what it costs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from jwtapi.errors import StorageUnavailable
from jwtapi.features.revocations.service import RevocationFeed
from jwtapi.storage.database import Database
from jwtapi.storage.readiness import Readiness
from jwtapi.web.request_body import MAX_BYTES
from tests.conftest import RunApi
from tests.support.api import Api, error_of, sign_in
from tests.support.revocations import Follower, follower, sid_of
from tests.support.statements import statements

BOUND = 20
"""Seconds, less than the wait of 30."""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND):
        while not condition():
            await asyncio.sleep(0.001)


def waiting(api: Api) -> int:
    return api.services[RevocationFeed]._waiting  # noqa: SLF001  nothing else shows who waits


async def bounded(answer: Awaitable[Any]) -> Any:
    async with asyncio.timeout(BOUND):
        return await answer


async def begin_to_wait(api: Api, *followers: Follower) -> list[asyncio.Task[dict[str, Any]]]:
    """Let them ask, and return when they have read once and wait."""
    before = waiting(api)
    tasks = [asyncio.create_task(each.ask(wait=30)) for each in followers]
    await until(lambda: waiting(api) == before + len(tasks))
    feed: Any = api.services[RevocationFeed]
    await until(lambda: not feed._next_reads and len(feed._change._waiters) == before + len(tasks))  # noqa: SLF001
    return tasks


async def test_a_request_without_news_waits_and_then_gets_an_answer_without_entries(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    assert await billing.ask(wait=1) == {}
    assert waiting(api) == 0


async def test_an_event_that_ends_nothing_does_not_end_the_wait(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    alice = await api.signed_in()
    (task,) = await begin_to_wait(api, billing)
    with statements(api, lambda sql: "sessions.revoked_at IS NULL" in sql) as looked:
        await alice.post("/api/reauthenticate", json={"password": "correct horse battery staple"})
        await until(lambda: any("IN" in sent.sql for sent in looked))
    assert not task.done()
    await alice.post("/logout")
    assert [entry["sid"] for entry in (await bounded(task))["sessions"]] == [sid_of(alice)]


async def test_a_hundred_that_wait_share_one_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwtapi.features.revocations.service._SHARED_SECONDS", 3600)
    first = await follower(api)
    await first.ask()
    alice = await api.signed_in()
    followers: list[Follower] = []
    tasks: list[asyncio.Task[dict[str, Any]]] = []
    for _ in range(10):
        await sign_in(api.client())  # so those who come later read a later end of the events
        some = [Follower(first.client, api.clock, cursor=first.cursor) for _ in range(10)]
        tasks += await begin_to_wait(api, *some)
        followers += some
    with statements(api, lambda sql: sql.startswith("SELECT") and "EXISTS" in sql and "events" in sql) as marks:
        await alice.post("/logout")
        for task in tasks:
            assert [entry["sid"] for entry in (await bounded(task))["sessions"]] == [sid_of(alice)]
    assert len(marks) == 1
    assert len({follower.cursor for follower in followers}) == 1
    assert waiting(api) == 0


async def test_those_who_ask_while_a_read_runs_get_another_one_that_begins_later(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    billing = await follower(api)
    await billing.ask()
    alice = await api.signed_in()
    read, reached, go_on = Database.read, asyncio.Event(), asyncio.Event()

    async def read_slowly(database: Database, unit: Callable[[Any], Any]) -> Any:
        result = await read(database, unit)
        if "_new_since" in repr(unit) and not reached.is_set():
            reached.set()
            await go_on.wait()
        return result

    monkeypatch.setattr(Database, "read", read_slowly)
    early = asyncio.create_task(Follower(billing.client, api.clock, cursor=billing.cursor).ask())
    await bounded(reached.wait())
    await alice.post("/logout")
    assert [entry["sid"] for entry in (await bounded(billing.ask()))["sessions"]] == [sid_of(alice)]
    go_on.set()
    assert await bounded(early) == {}


async def test_a_client_that_has_gone_waits_no_longer(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    (task,) = await begin_to_wait(api, billing)
    task.cancel()
    await asyncio.wait([task])
    assert waiting(api) == 0


async def test_a_long_body_is_ignored(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    query = {"after": billing.cursor or "", "wait": "1"}
    answer = await billing.client.request("GET", "/revocations", params=query, content=b"x" * (MAX_BYTES + 1))
    assert (answer.status_code, answer.json()["reset"]) == (200, False)


async def test_more_than_the_bound_are_told_to_come_later(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwtapi.features.revocations.service.MAX_WAITING", 2)
    billing = await follower(api)
    await billing.ask()
    others = [Follower(billing.client, api.clock, cursor=billing.cursor) for _ in range(2)]
    tasks = await begin_to_wait(api, *others)
    refused = await billing.client.get("/revocations", params={"wait": 30, "after": billing.cursor})
    assert error_of(refused)[:2] == (503, "too_many_waiting")
    assert refused.headers["retry-after"] == "1"
    assert await billing.ask() == {}  # without waiting
    alice = await api.signed_in()
    await alice.post("/logout")
    await bounded(asyncio.gather(*tasks))


async def test_a_server_that_drains_or_stops_lets_nobody_wait(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    (task,) = await begin_to_wait(api, billing)
    api.services[Readiness].withdraw()
    assert await bounded(task) == {}
    assert await bounded(billing.ask(wait=30)) == {}  # after a second
    task = asyncio.create_task(billing.ask(wait=30))
    await until(lambda: waiting(api) == 1)
    api.services[Readiness].withdraw()
    assert await bounded(task) == {}


async def test_while_changes_do_not_arrive_an_answer_is_still_true_at_the_end_of_its_wait(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_api({"feed_poll_seconds": 3600}) as deaf, run_api() as other:
        billing = await follower(deaf)
        await billing.ask()
        alice = await other.signed_in()
        monkeypatch.setattr(deaf.services[RevocationFeed], "_wake", lambda: None)
        task = asyncio.create_task(billing.ask(wait=1))
        await until(lambda: waiting(deaf) == 1)
        await alice.post("/logout")
        assert [entry["sid"] for entry in (await bounded(task))["sessions"]] == [sid_of(alice)]


async def test_those_who_wait_hold_no_connection_of_the_database(run_api: RunApi) -> None:
    async with run_api(database_pool_size=2) as api:
        billing = await follower(api)
        await billing.ask()
        others = [Follower(billing.client, api.clock, cursor=billing.cursor) for _ in range(20)]
        tasks = await begin_to_wait(api, *others)
        await until(lambda: api.services[Database].connections().in_use <= 1)  # that of the feed of changes
        alice = await api.signed_in()
        await alice.post("/logout")
        await bounded(asyncio.gather(*tasks))


async def test_while_the_database_does_not_answer_the_feed_says_so_and_recovers(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    billing = await follower(api)
    await billing.ask()
    alice = await api.signed_in()
    (task,) = await begin_to_wait(api, billing)
    read = Database.read

    async def fail(database: Database, unit: Callable[[Any], Any]) -> Any:
        if "_new_since" in repr(unit):
            raise StorageUnavailable
        return await read(database, unit)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "read", fail)
        await alice.post("/logout")
        with pytest.raises(AssertionError, match="storage_unavailable"):
            await bounded(task)
        refused: httpx.Response = await billing.client.get("/revocations")
        assert error_of(refused)[:2] == (503, "storage_unavailable")
        assert "retry-after" in refused.headers
    assert [entry["sid"] for entry in (await billing.ask())["sessions"]] == [sid_of(alice)]
    assert waiting(api) == 0


async def test_with_nobody_asking_the_feed_reads_nothing(api: Api) -> None:
    alice = await api.signed_in()
    with statements(api, lambda sql: "ix" in sql or "EXISTS" in sql) as sent:
        await alice.post("/logout")
        await asyncio.sleep(0.1)
    assert sent == []
