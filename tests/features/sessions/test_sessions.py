"""Listing and ending the sessions of the signed-in user."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from jwtapi.devices import UNKNOWN_DEVICE
from jwtapi.web.schemas import EXAMPLE_ID
from tests.conftest import RunApi, on_sqlite
from tests.support.api import Api, error_of, sign_in
from tests.support.sessions import add_sessions
from tests.support.statements import sent_by_requests, statements

DEAD = (401, "token_invalid", "Invalid token")
NOT_FOUND = (404, "not_found", "Not Found")
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"


async def listed(client: httpx.AsyncClient) -> list[dict[str, object]]:
    response = await client.get("/api/sessions")
    assert response.status_code == 200, response.text
    sessions: list[dict[str, object]] = response.json()["sessions"]
    return sessions


async def id_of(client: httpx.AsyncClient) -> str:
    return str(next(session["id"] for session in await listed(client) if session["current"]))


async def alive(*clients: httpx.AsyncClient) -> list[bool]:
    return [(await client.get("/profile")).status_code == 200 for client in clients]


async def test_the_list_has_the_sessions_of_the_user_and_the_one_used_last_comes_first(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await api.signed_in("bob")
    api.clock.advance(60)
    other = await sign_in(api.client("198.51.100.9", **{"User-Agent": FIREFOX}))
    ended = await sign_in(api.client())
    await ended.post("/logout")
    first, second = await listed(other)
    assert first == {
        "id": await id_of(other),
        "current": True,
        "createdAt": first["createdAt"],
        "lastUsedAt": first["createdAt"],
        "address": "198.51.100.9",
        "device": "Firefox on Windows",
        "methods": ["pwd"],
    }
    assert (second["current"], second["device"]) == (False, UNKNOWN_DEVICE)
    api.clock.advance(60)
    await alice.post("/refresh")
    assert [session["id"] for session in await listed(other)] == [second["id"], first["id"]]
    assert (await listed(alice))[0]["lastUsedAt"] != (await listed(alice))[0]["createdAt"]


async def test_an_expired_session_is_not_listed(run_api: RunApi) -> None:
    async with run_api(refresh_token_ttl=600) as api:
        await api.signed_in()
        api.clock.advance(300)
        other = await sign_in(api.client())
        api.clock.advance(301)
        assert [session["current"] for session in await listed(other)] == [True]


async def test_a_session_of_an_earlier_version_is_listed_without_what_is_not_known(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await api.sql("UPDATE sessions SET amr = NULL, auth_time = NULL, address = NULL, user_agent = NULL")
    (session,) = await listed(alice)
    assert (session["address"], session["device"], session["methods"]) == (None, UNKNOWN_DEVICE, ["pwd"])


async def test_a_list_is_one_statement_and_has_at_most_a_hundred_sessions(api: Api, alice: httpx.AsyncClient) -> None:
    await add_sessions(api, 2000)
    await alice.get("/profile")
    with statements(api, sent_by_requests) as sent:
        response = await alice.get("/api/sessions")
    assert len(response.json()["sessions"]) == 100
    assert len([sql for sql, _ in sent if "ORDER BY" in sql]) == 1
    assert len(sent) <= 2  # the other one is of the access token, while the change feed is not live


async def test_hostile_user_agents_are_listed_as_some_device(api: Api, alice: httpx.AsyncClient) -> None:
    for text in ("A" * 9000, "; " * 128, "<b>x</b>/1 CFNetwork/1 Darwin/1", "Android " * 40, "%n%s"):
        await sign_in(api.client(**{"User-Agent": text}))
    devices = [str(session["device"]) for session in await listed(alice)]
    assert len(devices) == 6
    assert all(0 < len(device) <= 90 and "<" not in device for device in devices)


async def test_a_session_can_be_ended_by_its_user_with_the_next_request(api: Api, alice: httpx.AsyncClient) -> None:
    other = await sign_in(api.client())
    token = other.cookies["refreshToken"]
    response = await alice.delete(f"/api/sessions/{await id_of(other)}")
    assert (response.status_code, response.content) == (204, b"")
    assert "set-cookie" not in response.headers
    assert error_of(await other.get("/profile")) == DEAD
    assert error_of(await api.client(Cookie=f"refreshToken={token}").post("/refresh"))[0] == 403
    assert await alive(alice) == [True]
    (*_, event) = await api.events()
    assert event.type == "session.revoked"


async def test_ending_the_present_session_signs_out_and_removes_the_cookie(api: Api, alice: httpx.AsyncClient) -> None:
    other = await sign_in(api.client())
    response = await alice.delete(f"/api/sessions/{(await id_of(alice)).upper()}")
    assert response.status_code == 204
    assert response.headers["set-cookie"] == 'refreshToken=""; HttpOnly; Max-Age=0; Path=/; SameSite=strict'
    assert await alive(alice, other) == [False, True]


async def test_ids_of_others_and_of_ended_sessions_and_unknown_ones_take_the_same_statements_to_be_not_found(
    api: Api, alice: httpx.AsyncClient
) -> None:
    bob, gone = await api.signed_in("bob"), await sign_in(api.client())
    of_bob, ended = await id_of(bob), await id_of(gone)
    await gone.post("/logout")
    await alice.get("/profile")
    sent_for = []
    for session_id in (of_bob, ended, str(uuid4())):
        with statements(api, sent_by_requests) as sent:
            assert error_of(await alice.delete(f"/api/sessions/{session_id}")) == NOT_FOUND
        sent_for.append([sql for sql, _ in sent if "UPDATE" in sql or "INSERT" in sql])
    assert sent_for[0]
    assert sent_for == [sent_for[0]] * 3
    assert await alive(alice, bob) == [True, True]
    assert (await api.event_types("bob")).count("session.revoked") == 0


@on_sqlite
@pytest.mark.parametrize(
    "malformed",
    (
        "1",
        "null",
        "%00",
        "..",
        "{0199e5f2-6c1d-7a30-8f2b-94e1c07d5a36}",
        "urn:uuid:0199e5f2-6c1d-7a30-8f2b-94e1c07d5a36",
        "0199e5f26c1d7a308f2b94e1c07d5a36",
        "%27 OR 1=1--",
        "x" * 5000,
        "0199e5f2-6c1d-7a30-8f2b-94e1c07d5a3%EF%BC%96",
    ),
)
async def test_a_malformed_id_is_not_found(alice: httpx.AsyncClient, malformed: str) -> None:
    assert (await alice.delete(f"/api/sessions/{malformed}")).status_code in {404, 405}
    assert await alive(alice) == [True]


async def test_of_two_requests_that_end_the_same_session_one_finds_it(api: Api, alice: httpx.AsyncClient) -> None:
    ended = await id_of(await sign_in(api.client()))
    answers = await asyncio.gather(*(alice.delete(f"/api/sessions/{ended}") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [204] + [404] * 5
    assert (await api.event_types()).count("session.revoked") == 1


@pytest.mark.parametrize("count", (1, 20_000))
async def test_all_other_sessions_end_with_one_statement_and_one_event_however_many_there_are(
    api: Api, alice: httpx.AsyncClient, count: int
) -> None:
    kept = await id_of(alice)
    await add_sessions(api, count)
    bob = await api.signed_in("bob")
    with statements(api, sent_by_requests) as sent:
        response = await alice.delete("/api/sessions")
    assert (response.status_code, response.content) == (204, b"")
    assert len([sql for sql, _ in sent if "UPDATE sessions" in sql]) == 1
    assert len(sent) <= 4
    assert await api.sql("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == [(2,)]
    assert await alive(alice, bob) == [True, True]
    (event,) = [event for event in await api.events() if "revoked" in event.type]
    assert (event.type, event.session_id) == ("sessions.revoked", None)
    assert event.details == {"count": count, "kept": kept}


async def test_ending_all_others_where_there_are_none_records_nothing(api: Api, alice: httpx.AsyncClient) -> None:
    assert (await alice.delete("/api/sessions")).status_code == 204
    assert "sessions.revoked" not in await api.event_types()
    assert await alive(alice) == [True]


async def test_two_sessions_that_end_each_other_leave_at_most_one(api: Api, alice: httpx.AsyncClient) -> None:
    other = await sign_in(api.client())
    answers = await asyncio.gather(alice.delete("/api/sessions"), other.delete("/api/sessions"))
    assert {answer.status_code for answer in answers} <= {204, 401}
    assert sum(await alive(alice, other)) <= 1


async def test_a_refresh_that_races_with_ending_the_others_leaves_none_of_them_alive(
    api: Api, alice: httpx.AsyncClient
) -> None:
    others = [await sign_in(api.client()) for _ in range(5)]
    *answers, ended = await asyncio.gather(*(other.post("/refresh") for other in others), alice.delete("/api/sessions"))
    assert ended.status_code == 204
    for other, answer in zip(others, answers, strict=True):
        if answer.status_code == 200:
            other.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
    assert await alive(*others, alice) == [False] * 5 + [True]
    assert {(await other.post("/refresh")).status_code for other in others} == {403}


async def test_on_another_worker_the_tokens_of_ended_sessions_are_refused_and_the_kept_one_goes_on(
    run_api: RunApi,
) -> None:
    async with run_api() as one, run_api() as another:
        alice = await one.signed_in()
        others = [await sign_in(one.client()) for _ in range(3)]
        guests = [another.client(Authorization=client.headers["authorization"]) for client in (alice, *others)]
        assert await alive(*guests) == [True] * 4
        assert (await alice.delete("/api/sessions")).status_code == 204
        while await alive(*guests) != [True, False, False, False]:
            await asyncio.sleep(0)


@pytest.mark.parametrize(("method", "path"), (("DELETE", "/api/sessions"), ("DELETE", f"/api/sessions/{EXAMPLE_ID}")))
async def test_a_page_of_another_origin_ends_no_session(
    api: Api, alice: httpx.AsyncClient, method: str, path: str
) -> None:
    other = await sign_in(api.client())
    response = await alice.request(method, path, headers={"Origin": "https://evil.example"})
    assert error_of(response)[:2] == (403, "cross_origin_refused")
    assert await alive(other) == [True]
