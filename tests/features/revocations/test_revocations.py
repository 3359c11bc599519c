"""GET /revocations: what its answers state."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from jwtapi.caller import COMMAND_LINE
from jwtapi.clients.scopes import Scope
from jwtapi.clients.service import ClientService
from jwtapi.housekeeping import Housekeeping
from jwtapi.sessions.events import SESSION_REVOKED
from jwtapi.signing.events import SIGNING_KEY_REVOKED
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event
from jwtapi.storage.sessions import sessions
from jwtapi.storage.unit_of_work import UnitOfWork
from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of, sign_in
from tests.support.revocations import follower, service_client, sid_of, token_of


async def add_event(api: Api, type_: str, **values: Any) -> None:
    """Add an event, as a process of a later version may."""
    event = Event(
        0, api.clock(), type_, **({"user_id": None, "session_id": None} | values), address=None, request_id=None
    )
    await api.services[Database].write(lambda uow: uow.events.add(event))


def add_all(uow: UnitOfWork, *, some: Sequence[Event]) -> None:
    uow.events.add(*some)


def until(api: Api) -> int:
    """When an entry ends that was made now: 15 minutes and one more later, rounded up."""
    return int(api.clock().timestamp()) + 900 + 60 + 1


async def test_the_first_answer_is_complete_and_the_next_has_only_what_is_new(api: Api) -> None:
    billing = await follower(api)
    assert await billing.ask() == {}
    assert billing.answers[-1]["reset"] is True
    alice = await api.signed_in()
    assert await billing.ask() == {}
    assert billing.answers[-1]["reset"] is False
    await alice.post("/logout")
    ended = {"sessions": [{"sid": sid_of(alice), "until": until(api)}]}
    assert await billing.ask() == ended
    assert await billing.ask() == {}
    other = await follower(api, "other")
    assert await other.ask() == ended
    assert [answer["reset"] for answer in billing.answers] == [True, False, False, False]


async def test_a_logout_at_one_worker_answers_a_request_that_waits_at_another(run_api: RunApi) -> None:
    async with run_api() as here, run_api() as there:
        billing = await follower(there)
        await billing.ask()
        alice = await here.signed_in()
        waiting = asyncio.create_task(billing.ask(wait=30))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await alice.post("/logout")
        async with asyncio.timeout(10):
            assert [entry["sid"] for entry in (await waiting)["sessions"]] == [sid_of(alice)]


async def test_the_end_of_all_sessions_but_one_leaves_that_one_out(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    kept = await api.signed_in()
    others = [await sign_in(api.client()) for _ in range(3)]
    bob = await api.signed_in("bob")
    await kept.delete("/api/sessions")
    news = await billing.ask()
    assert {entry["sid"] for entry in news["sessions"]} == set(map(sid_of, others))
    assert [entry["sub"] for entry in news["users"]] == [str((await api.user()).id)]
    assert [billing.accepts(token_of(client)) for client in (kept, *others, bob)] == [True, False, False, False, True]


async def test_only_sessions_whose_tokens_may_be_in_use_are_listed_when_all_end(api: Api) -> None:
    billing = await follower(api)
    unused, reauthenticated, late = await api.signed_in(), await sign_in(api.client()), await sign_in(api.client())
    used = late.cookies["refreshToken"]
    await late.post("/refresh")
    api.clock.advance(3600)
    await billing.ask()
    answer = await reauthenticated.post("/api/reauthenticate", json={"password": PASSWORD})
    assert answer.status_code == 401  # its token has expired
    await reauthenticated.post("/refresh")
    again = await api.client(Cookie=f"refreshToken={used}").post("/refresh")
    assert again.status_code == 200
    ending = await sign_in(api.client())
    await ending.post("/logout?everywhere=true")
    listed = {entry["sid"] for entry in (await billing.ask())["sessions"]}
    assert listed == {sid_of(client) for client in (reauthenticated, late, ending)}
    assert sid_of(unused) not in listed


async def test_a_user_who_signed_in_again_in_an_old_session_is_listed_when_all_end(api: Api) -> None:
    billing = await follower(api)
    alice = await api.signed_in()
    api.clock.advance(890)
    answer = await alice.post("/api/reauthenticate", json={"password": PASSWORD})
    assert answer.status_code == 200
    api.clock.advance(880)
    await billing.ask()
    await api.set_password("another good password")
    assert [entry["sid"] for entry in (await billing.ask())["sessions"]] == [sid_of(alice)]


async def test_an_entry_of_a_user_has_the_present_name_and_roles(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    alice = await api.signed_in()
    sub = str((await api.user()).id)
    await api.set_roles("staff", "audit")
    entry = {"sub": sub, "active": True, "username": "alice", "roles": ["staff", "audit"], "until": until(api)}
    assert await billing.ask() == {"users": [entry]}
    assert not billing.accepts(token_of(alice))
    await alice.post("/refresh")
    await sign_in(alice)
    assert billing.accepts(token_of(alice))
    renamed = await alice.patch("/api/account", json={"username": "Alicia"})
    assert renamed.status_code == 200, renamed.text
    assert await billing.ask() == {"users": [entry | {"username": "Alicia"}]}
    assert not billing.accepts(token_of(alice))


async def test_tokens_of_a_disabled_user_stay_refused_when_the_user_is_enabled_again(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    alice = await api.signed_in()
    sub = str((await api.user()).id)
    await api.disable()
    news = await billing.ask()
    assert news["users"] == [{"sub": sub, "active": False, "until": until(api)}]
    assert [entry["sid"] for entry in news["sessions"]] == [sid_of(alice)]
    api.clock.advance(1)
    await api.enable()
    news = await billing.ask()
    assert news == {"users": [{"sub": sub, "active": True, "username": "alice", "roles": [], "until": until(api)}]}
    assert not billing.accepts(token_of(alice))
    assert billing.accepts(token_of(await sign_in(api.client())))


async def test_a_deleted_user_is_listed_also_when_nothing_is_left_of_the_rows(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    alice = await api.signed_in()
    sub = str((await api.user()).id)
    await api.delete()
    deleted = {"users": [{"sub": sub, "active": False, "until": until(api)}]}
    assert await billing.ask() == deleted
    api.clock.advance(400)
    await api.services[Housekeeping].clean_up()
    assert await api.sql("SELECT count(*) FROM users") == [(0,)]
    late = await follower(api, "late")
    assert await late.ask() == deleted
    assert not late.accepts(token_of(alice))


async def test_a_sign_in_again_and_an_unknown_session_make_no_entry_of_a_session_that_lives(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    alice = await api.signed_in()
    await alice.post("/api/reauthenticate", json={"password": PASSWORD})
    assert await billing.ask() == {}
    await api.sql("DELETE FROM sessions")
    await add_event(api, "session.reauthenticated", session_id=uuid.UUID(sid_of(alice)))
    assert [entry["sid"] for entry in (await billing.ask())["sessions"]] == [sid_of(alice)]


async def test_an_event_of_a_later_version_is_taken_as_one_that_may_end_anything_that_it_names(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    alice, other = await api.signed_in(), await sign_in(api.client())
    user = await api.user()
    # It ends a session without an event of ours, and it names the user, and another session that lives.
    ending = update(sessions).where(sessions.c.id == uuid.UUID(sid_of(alice))).values(revoked_at=api.clock())
    await api.services[Database].write(lambda uow: uow.connection.execute(ending))
    await add_event(api, "user.teleported", user_id=user.id, session_id=uuid.UUID(sid_of(other)))
    await add_event(api, "world.ended")
    news = await billing.ask()
    assert [entry["sid"] for entry in news["sessions"]] == [sid_of(alice)]
    assert [entry["sub"] for entry in news["users"]] == [str(user.id)]


async def test_a_deleted_client_and_a_revoked_key_are_listed(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    created = await api.services[ClientService].create("gone", [], COMMAND_LINE)
    await api.services[ClientService].delete("gone", COMMAND_LINE)
    await add_event(api, SIGNING_KEY_REVOKED.name, details={"kid": "a-key"})
    await add_event(api, SIGNING_KEY_REVOKED.name)
    assert await billing.ask() == {
        "clients": [{"client_id": str(created.client.id), "until": until(api)}],
        "keys": [{"kid": "a-key", "until": until(api)}],
    }


async def test_the_full_list_is_the_sum_of_what_came_before(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    clients = [await api.signed_in(name) for name in ("alice", "bob", "carol", "dave")]
    await clients[0].post("/logout")
    await billing.ask()
    await api.set_roles("staff", username="bob")
    await billing.ask()
    await api.disable("carol")
    await billing.ask()
    await api.delete("dave")
    await billing.ask()
    late = await follower(api, "late")
    await late.ask()
    assert late.known == billing.known
    assert [len(late.known[name]) for name in ("sessions", "users")] == [2, 3]


async def test_an_entry_is_listed_as_long_as_tokens_may_be_in_use_and_then_no_longer(api: Api) -> None:
    alice = await api.signed_in()
    await alice.post("/logout")
    api.clock.advance(900 + 60 + 59)
    billing = await follower(api)
    assert [entry["sid"] for entry in (await billing.ask())["sessions"]] == [sid_of(alice)]
    api.clock.advance(2)
    assert await (await follower(api, "late")).ask() == {}


async def test_nothing_that_the_feed_needs_is_pruned_before_its_tokens_have_expired(run_api: RunApi) -> None:
    async with run_api(access_token_ttl=24 * 3600, event_max_age=3600) as api:
        midnight = (api.clock() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        api.clock.now = midnight - timedelta(seconds=2)
        alice, other = await api.signed_in(), await sign_in(api.client())
        await alice.post("/logout?everywhere=true")
        api.clock.advance(24 * 3600 - 10)
        await api.signed_in("bob")  # housekeeping always keeps the last event
        await api.services[Housekeeping].clean_up()
        billing = await follower(api)
        await billing.ask()
        assert [billing.accepts(token_of(client)) for client in (alice, other)] == [False, False]
        api.clock.advance(2 * 24 * 3600)
        await api.services[Housekeeping].clean_up()
        assert await api.sql("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL") == [(0,)]
        assert await api.sql("SELECT count(*) FROM events WHERE type = 'sessions.revoked'") == [(0,)]


async def test_a_burst_of_a_thousand_revocations_arrives_completely(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    ids = [uuid.uuid4() for _ in range(2500)]
    events = [Event(0, api.clock(), SESSION_REVOKED.name, None, id_, None, None) for id_ in ids]
    for start in range(0, 2500, 500):
        some = events[start : start + 500]
        await api.services[Database].write(partial(add_all, some=some))
    assert {entry["sid"] for entry in (await billing.ask())["sessions"]} == set(map(str, ids))
    late = await follower(api, "late")
    assert {entry["sid"] for entry in (await late.ask())["sessions"]} == set(map(str, ids))


async def test_only_a_client_with_the_right_reads_the_feed(api: Api) -> None:
    alice = await api.signed_in()
    assert error_of(await api.client().get("/revocations"))[:2] == (401, "invalid_client")
    assert error_of(await alice.get("/revocations"))[:2] == (401, "token_invalid")
    without_right = await service_client(api, Scope.INTROSPECT, Scope.REVOKE, name="without")
    assert error_of(await without_right.get("/revocations"))[:2] == (403, "insufficient_scope")
    created = await api.services[ClientService].create("with", [Scope.REVOCATIONS], COMMAND_LINE)
    token = api.services[ClientService].issue_token(created.client, ["revocations"]).access_token
    assert (await api.client(Authorization=f"Bearer {token}").get("/revocations")).status_code == 200


async def test_head_has_no_body_and_other_methods_are_refused(api: Api) -> None:
    client = await service_client(api)
    head = await client.head("/revocations")
    assert (head.status_code, head.content, head.headers["cache-control"]) == (200, b"", "no-store")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        refused = await client.request(method, "/revocations")
        assert error_of(refused)[:2] == (405, "method_not_allowed")
        assert refused.headers["allow"] == "GET"


@on_sqlite
@pytest.mark.parametrize(
    "query",
    ("wait=31", "wait=-1", "wait=1.5", "wait=", "wait=x", "wait=1&wait=1", "after=a&after=b", "wait=00000000001"),
)
async def test_a_query_that_is_not_of_the_documented_form_is_refused(api: Api, query: str) -> None:
    client = await service_client(api)
    assert error_of(await client.get(f"/revocations?{query}"))[:2] == (400, "validation_failed")


async def test_other_parameters_are_ignored(api: Api) -> None:
    billing = await follower(api)
    await billing.ask()
    answer = (await billing.client.get(f"/revocations?x=1&after={billing.cursor}&afterwards=2&wait=0")).json()
    assert answer["reset"] is False
