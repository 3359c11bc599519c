"""What a process remembers of API keys, and when it must not."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from jwtapi.api_keys.cache import MAX_READS, ApiKeyCache
from jwtapi.api_keys.service import ApiKeyService
from jwtapi.caller import COMMAND_LINE
from jwtapi.errors import StorageUnavailable
from jwtapi.security.api_keys import hash_of
from jwtapi.storage.api_keys import ApiKeyRepository, OwnedKey
from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database
from jwtapi.storage.events import Invalidates
from tests.conftest import RunApi
from tests.security.test_api_keys import with_checksum
from tests.sessions.test_cache import declared_events, until_changes_are_heard, wake_the_feed
from tests.support.api import Api, error_of
from tests.support.api_keys import create_key, make_key, roles_of, with_key
from tests.support.events import add_event
from tests.support.gate import Gate
from tests.support.statements import sent_by_the_handler, statements

REFUSED = (401, "token_invalid", "Invalid token")


@pytest.fixture
async def keyed(api: Api, alice: httpx.AsyncClient) -> httpx.AsyncClient:
    await until_changes_are_heard(api)
    return with_key(api, (await make_key(alice))["key"])


def made_up(number: int) -> str:
    return with_checksum(f"jwtapi_{number:022}_{'0' * 43}")


async def test_a_thousand_requests_by_key_ask_the_database_once(api: Api, keyed: httpx.AsyncClient) -> None:
    with statements(api, sent_by_the_handler) as sent:
        for _ in range(1000):
            assert (await keyed.get("/profile")).status_code == 200
            await asyncio.sleep(0)  # as between requests of the network
    assert len(sent) == 1
    assert "FROM api_keys" in sent[0].sql


async def test_wrong_secrets_with_a_right_id_ask_the_database_no_more_than_right_ones(
    api: Api, keyed: httpx.AsyncClient
) -> None:
    right = keyed.headers["authorization"].removeprefix("Bearer ")
    with statements(api, sent_by_the_handler) as sent:
        for number in range(20):
            guess = with_key(api, with_checksum(f"{right[:30]}{number:043}"))
            assert error_of(await guess.get("/profile")) == REFUSED
        assert await roles_of(keyed) == []
    assert len(sent) == 1


async def test_a_key_with_a_wrong_checksum_never_reaches_the_database(api: Api, keyed: httpx.AsyncClient) -> None:
    with statements(api, sent_by_the_handler) as sent:
        for number in range(20):
            assert error_of(await with_key(api, made_up(number)[:-1] + "!").get("/profile")) == REFUSED
            assert error_of(await with_key(api, made_up(number)[:-6] + "zzzzzz").get("/profile")) == REFUSED
    assert sent == []
    assert await roles_of(keyed) == []


async def test_made_up_keys_are_read_two_at_a_time(
    api: Api, keyed: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, running, most = Database.read, 0, 0

    async def counted(database: Database, unit: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return await read(database, unit)
        finally:
            running -= 1

    with monkeypatch.context() as patched:
        patched.setattr(Database, "read", counted)
        guesses = [with_key(api, made_up(number)).get("/profile") for number in range(20)]
        assert {error_of(answer) for answer in await asyncio.gather(*guesses)} == {REFUSED}
    assert most == MAX_READS
    assert await roles_of(keyed) == []


@pytest.mark.parametrize("fails", (False, True))
async def test_made_up_keys_take_the_place_of_no_real_one(
    run_api: RunApi,
    monkeypatch: pytest.MonkeyPatch,
    fails: bool,  # noqa: FBT001  a parameter
) -> None:
    async def fail(*_: Any) -> None:
        raise StorageUnavailable

    async with run_api({"cached_api_keys": 2}) as api:
        await api.signed_in()
        all_keyed = [with_key(api, (await create_key(api)).text) for _ in range(2)]
        await until_changes_are_heard(api)
        for keyed in all_keyed:
            assert await roles_of(keyed) == []
        with monkeypatch.context() as patched:
            if fails:
                patched.setattr(Database, "read", fail)
            for number in range(5):
                assert (await with_key(api, made_up(number)).get("/profile")).status_code == (503 if fails else 401)
        with statements(api, sent_by_the_handler) as sent:
            for keyed in all_keyed:
                assert await roles_of(keyed) == []
        assert sent == []


async def test_while_all_reads_wait_a_further_key_is_unavailable_in_time(
    api: Api, keyed: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jwtapi.api_keys.cache.WAIT_SECONDS", 0)
    waiting, answered = asyncio.Semaphore(0), asyncio.Event()

    async def wait(*_: Any) -> None:
        waiting.release()
        await answered.wait()
        raise StorageUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(Database, "read", wait)
        guesses = [asyncio.create_task(with_key(api, made_up(n)).get("/profile")) for n in range(MAX_READS)]
        for _ in guesses:
            await waiting.acquire()
        assert error_of(await keyed.get("/profile"))[:2] == (503, "storage_unavailable")
        answered.set()
        assert [answer.status_code for answer in await asyncio.gather(*guesses)] == [503] * MAX_READS
    assert await roles_of(keyed) == []


async def test_an_event_makes_the_keys_of_its_user_be_read_again_if_it_may_change_them(
    api: Api, keyed: httpx.AsyncClient
) -> None:
    user_id = (await api.user()).id
    await keyed.get("/profile")
    nothing = {Invalidates.NOTHING, Invalidates.SESSION}
    harmless = {type_ for type_ in declared_events() if type_.invalidates in nothing}
    # These come first, because the feed repeats the others a moment later.
    for type_ in sorted(declared_events(), key=lambda type_: type_ not in harmless):
        await add_event(api, type_, user_id)
        with statements(api, sent_by_the_handler) as sent:
            assert (await keyed.get("/profile")).status_code == 200
        assert len(sent) == (type_ not in harmless), type_


async def test_an_event_that_only_a_later_version_knows_makes_keys_be_read_again(
    api: Api, keyed: httpx.AsyncClient
) -> None:
    await keyed.get("/profile")
    await api.sql("INSERT INTO events (at, type) SELECT created_at, 'later.event' FROM api_keys")
    with statements(api, sent_by_the_handler) as sent:
        while not sent:
            assert (await keyed.get("/profile")).status_code == 200
            await asyncio.sleep(0.001)


async def test_what_another_process_takes_away_takes_effect_here(run_api: RunApi) -> None:
    async with run_api() as one, run_api() as another:
        await until_changes_are_heard(another)
        await one.signed_in()
        await one.set_roles("staff")
        created = await create_key(one)
        guest = with_key(another, created.text)
        assert await roles_of(guest) == ["staff"]
        await one.set_roles()
        while await roles_of(guest) == ["staff"]:
            await asyncio.sleep(0)
        assert await roles_of(guest) == []
        made = await make_key(await one.signed_in("bob"))
        guest = with_key(another, made["key"])
        assert await roles_of(guest) == []
        await one.services[ApiKeyService].revoke_of_anybody(UUID(made["id"]), COMMAND_LINE)
        while await roles_of(guest) is not None:
            await asyncio.sleep(0)


async def test_a_revocation_takes_effect_with_the_next_request_in_its_own_process(run_api: RunApi) -> None:
    async with run_api({"feed_poll_seconds": 60}) as api:
        alice = await api.signed_in()
        await wake_the_feed(api)
        await until_changes_are_heard(api)
        for _ in range(5):
            made = await make_key(alice)
            keyed = with_key(api, made["key"])
            assert await roles_of(keyed) == []
            await alice.delete(f"/api/keys/{made['id']}")
            assert error_of(await keyed.get("/profile")) == REFUSED


async def test_a_revocation_while_a_key_is_being_read_is_not_overwritten(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until_changes_are_heard(api)
    made = await make_key(alice)
    await alice.get("/profile")
    gate, with_owner = Gate(), ApiKeyRepository.with_owner

    def with_owner_slowly(self: ApiKeyRepository, key_id: UUID) -> OwnedKey | None:
        found = with_owner(self, key_id)
        gate.wait(self._connection)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(ApiKeyRepository, "with_owner", with_owner_slowly)
        request = asyncio.create_task(with_key(api, made["key"]).get("/profile"))
        await gate.reached.wait()
    assert (await alice.delete(f"/api/keys/{made['id']}")).status_code == 204
    gate.open()
    assert (await request).status_code == 200  # it came before the revocation
    assert error_of(await with_key(api, made["key"]).get("/profile")) == REFUSED


async def test_while_the_change_feed_is_silent_each_request_by_key_asks_the_database(run_api: RunApi) -> None:
    async with run_api({"feed_poll_seconds": 60, "feed_silence_seconds": 0.5}) as api:
        alice = await api.signed_in()
        await wake_the_feed(api)
        await until_changes_are_heard(api)
        keyed = with_key(api, (await make_key(alice))["key"])
        await keyed.get("/profile")
        while api.services[ChangeFeed].is_live():
            await asyncio.sleep(0.01)
        with statements(api, sent_by_the_handler) as sent:
            for _ in range(3):
                assert (await keyed.get("/profile")).status_code == 200
        assert len(sent) == 3


async def test_the_number_of_cached_keys_is_bounded(run_api: RunApi) -> None:
    async with run_api({"cached_api_keys": 2}) as api:
        await api.signed_in()
        first, *others = [with_key(api, (await create_key(api)).text) for _ in range(3)]
        await until_changes_are_heard(api)
        with statements(api, sent_by_the_handler) as sent:
            for client in (first, *others, *others, first):
                assert (await client.get("/profile")).status_code == 200
        assert len(sent) == 4


async def test_the_number_of_keys_with_ready_answers_is_bounded(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until_changes_are_heard(api)
    monkeypatch.setattr("jwtapi.api_keys.cache.MAX_ANSWERS", 2)
    keys = [(await make_key(alice))["key"] for _ in range(3)]
    for key in (*keys, *keys):
        assert (await with_key(api, key).get("/profile")).json() == {"username": "alice"}
    cached = [api.services[ApiKeyCache].by_hash(hash_of(key)) for key in keys]
    assert [key is not None and bool(key.answers) for key in cached] == [False, True, True]
