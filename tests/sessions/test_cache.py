"""What a process remembers of sessions, and when it must not."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from sqlalchemy import event

from jwtapi.composition import features
from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database
from jwtapi.storage.events import EventType, Invalidates
from jwtapi.storage.sessions import SessionOfUser, SessionRepository
from tests.conftest import JWT_SECRET, RunApi
from tests.support.api import Api, error_of, sign_in
from tests.support.clock import FakeClock
from tests.support.events import add_event
from tests.support.gate import Gate
from tests.support.statements import sent_by_requests, statements

OUT = (401, "token_invalid", "Invalid token")


async def wake_the_feed(api: Api) -> None:
    """Make an event that the feed looks for at once, where the first poll would take long."""
    bob = await api.signed_in("bob")
    await bob.post("/logout")


async def until_changes_are_heard(api: Api) -> None:
    while not api.services[ChangeFeed].is_live():
        await asyncio.sleep(0.001)


async def held_after_reading(
    request: Coroutine[Any, Any, httpx.Response], monkeypatch: pytest.MonkeyPatch
) -> tuple[asyncio.Task[httpx.Response], Gate]:
    """Send a request, and hold it at the gate when it has read its session and done nothing with it yet."""
    gate = Gate()
    with_user = SessionRepository.with_user

    def with_user_slowly(self: SessionRepository, session_id: UUID, **options: Any) -> SessionOfUser | None:
        found = with_user(self, session_id, **options)
        gate.wait(self._connection)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(SessionRepository, "with_user", with_user_slowly)
        sent = asyncio.create_task(request)
        await gate.reached.wait()
    return sent, gate


async def test_a_thousand_authenticated_requests_ask_the_database_once(api: Api, alice: httpx.AsyncClient) -> None:
    await until_changes_are_heard(api)
    with statements(api, sent_by_requests) as sent:
        for _ in range(1000):
            assert (await alice.get("/profile")).status_code == 200
            await asyncio.sleep(0)  # as between requests of the network: else nobody hears anything for seconds
    assert len(sent) == 1
    assert "FROM sessions" in sent[0].sql


async def test_requests_that_keep_overlapping_ask_the_database_once_each(api: Api, alice: httpx.AsyncClient) -> None:
    await until_changes_are_heard(api)

    async def ask() -> None:
        for _ in range(10):
            assert (await alice.get("/profile")).status_code == 200

    with statements(api, sent_by_requests) as sent:
        await asyncio.gather(*(ask() for _ in range(20)))
    assert len(sent) == 20


async def test_a_logout_by_another_process_takes_effect_here(run_api: RunApi) -> None:
    async with run_api() as one, run_api() as another:
        await until_changes_are_heard(another)
        alice = await one.signed_in()
        guest = another.client(Authorization=alice.headers["authorization"])
        for _ in range(3):
            assert (await guest.get("/profile")).status_code == 200
            await alice.post("/logout")
            while (response := await guest.get("/profile")).status_code == 200:
                await asyncio.sleep(0)  # without a server between us, nobody else's turn comes by itself
            assert error_of(response) == OUT
            await sign_in(alice)
            guest.headers["Authorization"] = alice.headers["authorization"]


async def test_disabling_a_user_on_the_command_line_takes_effect_in_the_server(
    api: Api, alice: httpx.AsyncClient, run_api: RunApi
) -> None:
    await until_changes_are_heard(api)
    assert (await alice.get("/profile")).status_code == 200
    async with run_api() as another:
        await another.disable()
    while (response := await alice.get("/profile")).status_code == 200:
        await asyncio.sleep(0)
    assert error_of(response) == OUT


def declared_events() -> Sequence[EventType]:
    features()  # it loads them
    return list(EventType.declared().values())


async def test_an_event_makes_the_sessions_of_its_user_be_read_again_if_it_may_change_them(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await until_changes_are_heard(api)
    user_id = (await api.user()).id
    await alice.get("/profile")
    nothing = {Invalidates.NOTHING, Invalidates.API_KEYS}
    harmless = {type_ for type_ in declared_events() if type_.invalidates in nothing}
    # These come first, because the feed repeats the others a moment later.
    for type_ in sorted(declared_events(), key=lambda type_: type_ not in harmless):
        await add_event(api, type_, user_id)
        with statements(api, sent_by_requests) as sent:
            assert (await alice.get("/profile")).status_code == 200
        assert len(sent) == (type_ not in harmless), type_


@pytest.mark.parametrize("named", ("user_id, NULL", "NULL, id", "NULL, NULL"), ids=("user", "session", "nothing"))
async def test_an_event_that_only_a_later_version_knows_makes_sessions_be_read_again_whatever_it_names(
    api: Api, alice: httpx.AsyncClient, named: str
) -> None:
    await until_changes_are_heard(api)
    await alice.get("/profile")
    await api.sql(
        f"INSERT INTO events (at, type, user_id, session_id) SELECT created_at, 'later.event', {named} FROM sessions"  # noqa: S608
    )
    with statements(api, sent_by_requests) as sent:
        while not sent:
            assert (await alice.get("/profile")).status_code == 200
            await asyncio.sleep(0.001)


async def test_roles_that_sql_changed_take_effect_with_the_next_refresh(api: Api, alice: httpx.AsyncClient) -> None:
    await until_changes_are_heard(api)
    assert (await alice.get("/auth/verify")).headers["x-auth-roles"] == ""
    await api.sql("""UPDATE users SET roles = '["staff"]'""")
    answer = await alice.post("/refresh")
    renewed = api.client(Authorization=f"Bearer {answer.json()['accessToken']}")
    for _ in range(3):
        assert (await renewed.get("/auth/verify")).headers["x-auth-roles"] == "staff"
        assert error_of(await alice.get("/auth/verify")) == OUT


async def test_an_access_token_with_other_roles_makes_its_session_be_read_once(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await until_changes_are_heard(api)
    await alice.get("/profile")
    await api.sql("""UPDATE users SET roles = '["staff"]'""")
    renewed = (await alice.post("/refresh")).json()["accessToken"]
    with statements(api, sent_by_requests) as sent:
        for _ in range(5):
            assert (await api.client(Authorization=f"Bearer {renewed}").get("/profile")).status_code == 200
            assert error_of(await alice.get("/profile")) == OUT
    assert len([statement for statement in sent if "FROM sessions" in statement.sql]) == 2


async def test_old_access_tokens_that_take_turns_make_their_session_be_read_once_each(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await until_changes_are_heard(api)
    old = [alice.headers["authorization"].removeprefix("Bearer ")]
    old += [(await alice.post("/refresh")).json()["accessToken"] for _ in range(2)]
    await api.sql("""UPDATE users SET roles = '["staff"]'""")
    good = (await alice.post("/refresh")).json()["accessToken"]
    clients = [api.client(Authorization=f"Bearer {token}") for token in (good, *old)]
    with statements(api, sent_by_requests) as sent:
        for _ in range(5):
            assert [(await client.get("/profile")).status_code for client in clients] == [200, 401, 401, 401]
    assert len([statement for statement in sent if "FROM sessions" in statement.sql]) == 4


async def test_a_logout_while_a_session_is_read_again_is_not_overwritten(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until_changes_are_heard(api)
    assert (await alice.get("/profile")).status_code == 200
    await api.sql("""UPDATE users SET roles = '["staff"]'""")
    renewed = api.client(Authorization=f"Bearer {(await alice.post('/refresh')).json()['accessToken']}")
    asking, gate = await held_after_reading(renewed.get("/profile"), monkeypatch)
    assert (await renewed.post("/logout")).status_code == 200
    gate.open()
    await asking
    assert error_of(await renewed.get("/profile")) == OUT


async def test_a_logout_takes_effect_with_the_next_request_in_its_own_process(run_api: RunApi) -> None:
    async with run_api({"feed_poll_seconds": 60}) as api:
        alice = await api.signed_in()
        await wake_the_feed(api)
        await until_changes_are_heard(api)
        for _ in range(20):
            assert (await alice.get("/profile")).status_code == 200
            await alice.post("/logout")
            assert error_of(await alice.get("/profile")) == OUT
            await sign_in(alice)


async def test_a_logout_while_a_session_is_being_read_is_not_overwritten(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until_changes_are_heard(api)
    request, gate = await held_after_reading(alice.get("/profile"), monkeypatch)
    logout = api.client(Authorization=alice.headers["authorization"])
    assert (await logout.post("/logout")).status_code == 200
    gate.open()
    assert (await request).status_code == 200  # it came before the logout
    assert error_of(await alice.get("/profile")) == OUT


async def test_while_the_change_feed_is_silent_each_request_asks_the_database(run_api: RunApi) -> None:
    async with run_api({"feed_poll_seconds": 60, "feed_silence_seconds": 0.5}) as api:
        alice = await api.signed_in()
        await wake_the_feed(api)
        await until_changes_are_heard(api)
        await alice.get("/profile")
        while api.services[ChangeFeed].is_live():
            await asyncio.sleep(0.01)
        with statements(api, sent_by_requests) as sent:
            for _ in range(3):
                assert (await alice.get("/profile")).status_code == 200
        assert len(sent) == 3


async def test_a_session_that_another_process_refreshed_stays_alive_here(run_api: RunApi, clock: FakeClock) -> None:
    async with run_api(refresh_token_ttl=600) as one, run_api() as another:
        alice = await one.signed_in()
        guest = another.client(Authorization=alice.headers["authorization"])
        assert (await guest.get("/profile")).status_code == 200
        clock.advance(500)
        refreshed = (await alice.post("/refresh")).json()["accessToken"]
        clock.advance(200)
        guest.headers["Authorization"] = f"Bearer {refreshed}"
        assert (await guest.get("/profile")).status_code == 200
        clock.advance(1000)
        assert error_of(await guest.get("/profile"))[0] == 401


async def test_a_cached_session_expires(run_api: RunApi, clock: FakeClock) -> None:
    async with run_api(refresh_token_ttl=60) as api:
        alice = await api.signed_in()
        claims = jwt.decode(alice.headers["authorization"].removeprefix("Bearer "), options={"verify_signature": False})
        longer = jwt.encode(claims | {"exp": claims["iat"] + 900}, JWT_SECRET, headers={"typ": "at+jwt"})
        alice.headers["Authorization"] = f"Bearer {longer}"  # ours expire with the session
        await until_changes_are_heard(api)
        assert (await alice.get("/profile")).status_code == 200
        clock.advance(60)
        assert error_of(await alice.get("/profile")) == OUT


async def test_the_number_of_cached_sessions_is_bounded(run_api: RunApi) -> None:
    async with run_api({"cached_sessions": 2}) as api:
        first = await api.signed_in()
        others = [await sign_in(api.client()) for _ in range(2)]
        await until_changes_are_heard(api)
        with statements(api, sent_by_requests) as sent:
            for client in (first, *others, *others, first):
                assert (await client.get("/profile")).status_code == 200
        assert len(sent) == 4


@pytest.mark.parametrize("database_url", ("postgresql",), indirect=True)
async def test_a_logout_whose_answer_from_the_database_was_lost_is_not_forgotten(run_api: RunApi) -> None:
    async with run_api({"feed_poll_seconds": 60}) as api:
        await wake_the_feed(api)
        await until_changes_are_heard(api)
        alice = await api.signed_in()
        assert (await alice.get("/profile")).status_code == 200
        engine = api.services[Database].engine_of_units

        def lose_the_answer(*_: Any) -> None:
            raise ConnectionResetError

        event.listen(engine, "after_cursor_execute", lose_the_answer)
        assert (await alice.post("/logout", headers={"Cookie": ""})).status_code == 503
        event.remove(engine, "after_cursor_execute", lose_the_answer)
        assert error_of(await alice.get("/profile")) == OUT
