import asyncio
import json
import logging
import random
import time
from dataclasses import replace
from typing import Any

import pytest

from jwtapi_verifier import Claims, InvalidToken, Unavailable, Verifier, revocations
from jwtapi_verifier.timing import Retries, Timing
from made_tokens import ALICE, AUDIENCE, REMOVED, SESSION, SigningKey, TokenMaker, signing_key
from scripted_feed import BASIC, CLIENT_ID, CLIENT_SECRET, FEED, ScriptedFeed
from scripted_server import Answer, ScriptedServer, answer, cut, drip, flood, hang, json_answer, status
from verifier_parts import FakeClock, MakeVerifier

KEYS = "/.well-known/jwks.json"
QUICK = Timing(
    fetch=20, poll=1, poll_spacing=0, poll_pace=0.001, poll_retries=Retries(0.01, 0.02), ask=20, too_many_entries=0.1
)
CLIENT: dict[str, Any] = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "timing": QUICK}
IMPATIENT = CLIENT | {"timing": replace(QUICK, silence=0.1)}


@pytest.fixture
def feed(server: ScriptedServer) -> ScriptedFeed:
    return ScriptedFeed(server)


@pytest.fixture
async def verifier(make_verifier: MakeVerifier, feed: ScriptedFeed) -> Verifier:
    verifier = make_verifier(**CLIENT)
    await verifier.start()
    await feed.is_known()
    return verifier


async def outcome(verifier: Verifier, token: str) -> str:
    (result,) = await asyncio.gather(verifier.verify(token), return_exceptions=True)
    if isinstance(result, InvalidToken | Unavailable):
        assert result.__cause__ is None
        return result.reason if isinstance(result, InvalidToken) else "unavailable"
    assert isinstance(result, Claims)
    return "accepted"


async def is_live(verifier: Verifier) -> None:
    async with asyncio.timeout(20):
        while not verifier.feed_is_live:
            await asyncio.sleep(0.001)


async def test_an_ended_session_is_refused_and_causes_no_request(
    verifier: Verifier, server: ScriptedServer, feed: ScriptedFeed, tokens: TokenMaker, key: SigningKey
) -> None:
    token, other = tokens.token(key), tokens.token(key, sid="another session")
    assert await outcome(verifier, token) == "accepted"
    await feed.state("sessions", SESSION)
    await feed.is_known()
    assert verifier.feed_is_live
    assert await outcome(verifier, token) == "session_ended"
    assert await outcome(verifier, other) == "accepted"
    assert {request.path for request in server.requests} == {"/.well-known/jwks.json", "/token", FEED}


USER = {"active": True, "username": "alice", "roles": ["admin", "staff"]}


@pytest.mark.parametrize(
    ("entries", "expected"),
    (
        ([("users", ALICE, USER)], "accepted"),
        ([("users", ALICE, {"active": False})], "user_changed"),
        ([("users", ALICE, USER | {"username": "alice2"})], "user_changed"),
        ([("users", ALICE, USER | {"roles": ["staff"]})], "user_changed"),
        ([("users", ALICE, USER | {"roles": ["staff", "admin", "root"]})], "user_changed"),
        ([("users", ALICE, USER | {"roles": []})], "user_changed"),
        ([("users", ALICE, {"active": False}), ("users", ALICE, USER)], "accepted"),
        ([("users", ALICE, USER), ("users", ALICE, {"active": False})], "user_changed"),
        ([("users", "somebody else", {"active": False})], "accepted"),
        ([("users", ALICE, USER | {"claims": {"app": {"b": [1], "a": "x"}}})], "accepted"),
        ([("users", ALICE, USER | {"claims": {"app": {"a": "x", "b": [True]}}})], "user_changed"),
        ([("users", ALICE, USER | {"claims": {"app": {}}})], "user_changed"),
        ([("users", ALICE, USER | {"claims": {"of a later setting": {"a": 1}}})], "accepted"),
        ([("keys", "first", {})], "key_revoked"),
        ([("keys", "another", {})], "accepted"),
        ([("clients", ALICE, {})], "accepted"),
        ([("clients", "jwtapi", {})], "accepted"),
    ),
    ids=str,
)
async def test_a_token_of_a_user_is_judged_by_what_the_feed_states(
    verifier: Verifier,
    feed: ScriptedFeed,
    tokens: TokenMaker,
    key: SigningKey,
    entries: list[tuple[str, str, dict[str, Any]]],
    expected: str,
) -> None:
    for kind, name, entry in entries:
        await feed.state(kind, name, **entry)
    await feed.is_known()
    assert await outcome(verifier, tokens.token(key, app={"a": "x", "b": [1]})) == expected


async def test_a_token_without_a_name_of_a_disabled_user_is_refused(
    verifier: Verifier, feed: ScriptedFeed, tokens: TokenMaker, key: SigningKey
) -> None:
    await feed.state("users", ALICE, active=False)
    await feed.is_known()
    assert await outcome(verifier, tokens.token(key, username=REMOVED, roles=REMOVED)) == "user_changed"


async def test_the_first_token_is_refused_if_the_first_answer_revokes_its_key(
    make_verifier: MakeVerifier, feed: ScriptedFeed, tokens: TokenMaker, key: SigningKey
) -> None:
    await feed.state("keys", key.kid)
    assert await outcome(make_verifier(**CLIENT), tokens.token(key)) == "key_revoked"


async def test_a_revoked_key_is_not_looked_for_in_the_key_set(
    verifier: Verifier, server: ScriptedServer, feed: ScriptedFeed, tokens: TokenMaker
) -> None:
    fetched = server.count(KEYS)
    await feed.state("keys", "revoked")
    await server.wait_for(KEYS, fetched + 1)
    assert await outcome(verifier, tokens.token(signing_key(kid="revoked", number=1))) == "key_revoked"
    assert server.count(KEYS) == fetched + 1


async def test_the_tokens_of_a_deleted_client_are_refused_and_those_of_its_users_are_not(
    verifier: Verifier, feed: ScriptedFeed, tokens: TokenMaker, key: SigningKey
) -> None:
    await feed.state("clients", "orders")
    await feed.is_known()
    assert await outcome(verifier, tokens.of_a_service(key, "orders")) == "client_deleted"
    assert await outcome(verifier, tokens.of_a_service(key, "invoices")) == "accepted"
    assert await outcome(verifier, tokens.token(key, client_id="orders")) == "accepted"


async def test_the_keys_are_fetched_when_one_is_revoked_because_another_signs_now(
    verifier: Verifier, server: ScriptedServer, feed: ScriptedFeed, tokens: TokenMaker, key: SigningKey
) -> None:
    await outcome(verifier, tokens.token(key, header={"kid": "invented"}))  # the next unknown kid causes no fetch
    successor = signing_key(kid="successor", number=1)
    server.answers[KEYS] = json_answer({"keys": [successor.jwk]})
    fetched = server.count(KEYS)
    await feed.state("keys", key.kid)
    await server.wait_for(KEYS, fetched + 1)
    async with asyncio.timeout(20):
        while await outcome(verifier, tokens.token(successor)) != "accepted":
            await asyncio.sleep(0.001)
    assert server.count(KEYS) == fetched + 1


async def test_the_first_token_waits_for_the_first_answer(
    make_verifier: MakeVerifier, feed: ScriptedFeed, tokens: TokenMaker, key: SigningKey
) -> None:
    await feed.state("sessions", SESSION)
    feed.be_silent(status(503))
    verifier = make_verifier(**CLIENT, on_silence="accept")
    await verifier.start()
    verifying = asyncio.create_task(outcome(verifier, tokens.token(key)))
    await feed.server.wait_for(FEED, 3)
    assert not verifying.done()
    feed.be_heard()
    assert await verifying == "session_ended"


@pytest.mark.parametrize(
    ("on_silence", "expected"), (("refuse", "unavailable"), ("ask", "accepted"), ("accept", "accepted"))
)
@pytest.mark.usefixtures("feed")
async def test_a_feed_that_has_never_answered_is_silent(
    server: ScriptedServer, tokens: TokenMaker, key: SigningKey, on_silence: Any, expected: str
) -> None:
    server.answers |= {FEED: hang, "/auth/verify": status(204)}
    async with Verifier(server.url, AUDIENCE, **IMPATIENT, on_silence=on_silence) as verifier:
        for _ in range(2):  # the second finds that the time for the first answer is over
            assert await outcome(verifier, tokens.token(key)) == expected
        assert not verifier.feed_is_live


@pytest.mark.parametrize(
    ("on_silence", "expected"), (("refuse", "unavailable"), ("ask", "accepted"), ("accept", "accepted"))
)
async def test_the_app_decides_what_happens_at_silence(
    make_verifier: MakeVerifier,
    server: ScriptedServer,
    feed: ScriptedFeed,
    tokens: TokenMaker,
    key: SigningKey,
    clock: FakeClock,
    on_silence: Any,
    expected: str,
) -> None:
    server.answers["/auth/verify"] = status(204)
    verifier = make_verifier(**CLIENT, on_silence=on_silence)
    await feed.state("sessions", SESSION)
    assert await outcome(verifier, tokens.token(key)) == "session_ended"
    token = tokens.token(key, sid="another")
    assert await outcome(verifier, token) == "accepted"
    feed.be_silent()
    clock.advance(5)
    assert await outcome(verifier, token) == "accepted"
    clock.advance(0.1)
    assert not verifier.feed_is_live
    assert await outcome(verifier, token) == expected
    assert await outcome(verifier, tokens.token(key)) == "session_ended"  # known before the silence
    assert server.count("/auth/verify") == (on_silence == "ask")
    feed.be_heard()
    await is_live(verifier)
    assert await outcome(verifier, token) == "accepted"


@pytest.mark.parametrize(
    ("answered", "expected"),
    (
        (status(200), "accepted"),
        (status(204), "accepted"),
        (status(401), "refused_by_issuer"),
        (status(302), "unavailable"),
        (status(403), "unavailable"),
        (status(429), "unavailable"),
        (status(503), "unavailable"),
        (hang, "unavailable"),
        (cut, "unavailable"),
        (drip, "unavailable"),
        (flood, "unavailable"),
    ),
)
async def test_the_issuer_is_asked_about_each_token_while_the_feed_is_silent(
    make_verifier: MakeVerifier,
    server: ScriptedServer,
    feed: ScriptedFeed,
    tokens: TokenMaker,
    key: SigningKey,
    clock: FakeClock,
    answered: Answer,
    expected: str,
) -> None:
    server.answers["/auth/verify"] = answered
    timing = replace(QUICK, ask=0.3) if answered in {hang, drip} else QUICK
    verifier = make_verifier(**CLIENT | {"timing": timing}, on_silence="ask")
    token = tokens.token(key)
    await verifier.verify(token)
    feed.be_silent()
    clock.advance(6)
    assert [await outcome(verifier, token), await outcome(verifier, token)] == [expected] * 2
    asked = [request for request in server.requests if request.path == "/auth/verify"]
    assert [(request.method, request.headers["authorization"]) for request in asked] == [("GET", f"Bearer {token}")] * 2


async def test_the_issuer_is_not_asked_about_forged_tokens_and_those_of_services(
    make_verifier: MakeVerifier,
    server: ScriptedServer,
    feed: ScriptedFeed,
    tokens: TokenMaker,
    key: SigningKey,
    clock: FakeClock,
) -> None:
    verifier = make_verifier(**CLIENT, on_silence="ask")
    await verifier.verify(tokens.token(key))
    feed.be_silent()
    clock.advance(6)
    assert await outcome(verifier, tokens.of_a_service(key)) == "unavailable"
    assert await outcome(verifier, tokens.token(key)[:-8] + "AAAAAAAA") == "wrong_signature"
    assert not server.count("/auth/verify")


async def test_the_issuer_is_asked_about_few_tokens_at_a_time(
    make_verifier: MakeVerifier,
    server: ScriptedServer,
    feed: ScriptedFeed,
    tokens: TokenMaker,
    key: SigningKey,
    clock: FakeClock,
) -> None:
    asking = most = 0

    async def verify(*request: Any) -> None:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        if server.count("/auth/verify") < 32:
            await server.wait_for("/auth/verify", 32)
        await asyncio.sleep(0)
        asking -= 1
        await status(204)(*request)

    server.answers["/auth/verify"] = verify
    verifier = make_verifier(**CLIENT, on_silence="ask")
    token = tokens.token(key)
    await verifier.verify(token)
    feed.be_silent()
    clock.advance(6)
    assert await asyncio.gather(*(outcome(verifier, token) for _ in range(100))) == ["accepted"] * 100
    assert most == 32


async def test_what_happened_while_the_connection_was_cut_is_known_after_it(
    verifier: Verifier, server: ScriptedServer, feed: ScriptedFeed, tokens: TokenMaker, key: SigningKey
) -> None:
    feed.be_silent(cut)
    await feed.state("sessions", SESSION)
    feed.be_heard()
    await feed.is_known()
    assert await outcome(verifier, tokens.token(key)) == "session_ended"
    assert [request.query for request in server.requests if request.path == FEED and "after" not in request.query] == [
        {"wait": "0"}
    ]


async def test_what_happened_while_the_server_restarted_is_known_after_it(
    verifier: Verifier,
    server: ScriptedServer,
    feed: ScriptedFeed,
    tokens: TokenMaker,
    key: SigningKey,
    clock: FakeClock,
) -> None:
    await server.stop()
    await feed.state("sessions", SESSION)
    clock.advance(6)
    assert await outcome(verifier, tokens.token(key)) == "unavailable"
    await server.start()
    await is_live(verifier)
    assert await outcome(verifier, tokens.token(key)) == "session_ended"


async def test_a_lost_cursor_brings_everything_and_what_is_not_there_is_forgotten(
    verifier: Verifier, feed: ScriptedFeed, tokens: TokenMaker, key: SigningKey
) -> None:
    await feed.state("sessions", "forgotten")
    await feed.is_known()
    assert await outcome(verifier, tokens.token(key, sid="forgotten")) == "session_ended"
    feed.forget_cursors()
    feed.log.clear()
    await feed.state("sessions", SESSION)
    await feed.is_known()
    assert await outcome(verifier, tokens.token(key)) == "session_ended"
    assert await outcome(verifier, tokens.token(key, sid="forgotten")) == "accepted"


async def test_nothing_revoked_is_accepted_once_the_feed_is_live(
    verifier: Verifier,
    server: ScriptedServer,
    feed: ScriptedFeed,
    tokens: TokenMaker,
    key: SigningKey,
    clock: FakeClock,
) -> None:
    chance = random.Random(14)  # noqa: S311 - the same faults in each run
    faults = (cut, hang, status(500), status(401), status(403), answer(b"{}"), answer(b"<html>"), json_answer([]))
    for number in range(60):
        feed.be_silent(chance.choice(faults))
        if chance.random() < 0.2:
            await server.stop()
            await server.start()
        if chance.random() < 0.3:
            feed.forget_cursors()
        token = tokens.token(key, sid=f"session {number}", iat=clock.now(), exp=clock.now() + 900)
        await feed.state("sessions", f"session {number}", until=clock.now() + 960)
        clock.advance(5.1)
        assert await outcome(verifier, token) == "unavailable"
        feed.be_heard()
        await is_live(verifier)
        assert await outcome(verifier, token) == "session_ended"


async def test_an_answer_that_came_late_does_not_make_the_feed_live(
    make_verifier: MakeVerifier, feed: ScriptedFeed, clock: FakeClock
) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def late(*request: Any) -> None:
        asked.set()
        await may_answer.wait()
        await answer(feed.answer_since(0, is_reset=True))(*request)

    feed.be_silent(late)
    verifier = make_verifier(**CLIENT)
    await verifier.start()
    await asked.wait()
    clock.advance(5.1)  # the process was stopped
    before = feed.server.count(FEED)
    feed.server.answers[FEED] = hang
    may_answer.set()
    await feed.server.wait_for(FEED, before + 1)
    assert not verifier.feed_is_live


async def test_a_first_answer_that_is_not_complete_does_not_make_the_feed_live(
    make_verifier: MakeVerifier, server: ScriptedServer, feed: ScriptedFeed
) -> None:
    feed.be_silent(answer(feed.answer_since(0, is_reset=False)))
    verifier = make_verifier(**CLIENT)
    await verifier.start()
    await server.wait_for(FEED, 3)
    assert not verifier.feed_is_live


async def test_a_broken_answer_does_not_move_the_cursor(
    verifier: Verifier, server: ScriptedServer, feed: ScriptedFeed, tokens: TokenMaker, key: SigningKey
) -> None:
    await feed.state("sessions", SESSION)
    broken = json.loads(feed.answer_since(0, is_reset=False)) | {"users": [{"sub": 7}]}
    before = server.count(FEED)
    feed.be_silent(json_answer(broken))
    await server.wait_for(FEED, before + 3)
    feed.be_heard()
    await feed.is_known()
    assert await outcome(verifier, tokens.token(key)) == "session_ended"


async def test_a_feed_that_does_not_wait_is_not_asked_in_a_circle(
    make_verifier: MakeVerifier, server: ScriptedServer, feed: ScriptedFeed
) -> None:
    server.answers[FEED] = answer(feed.answer_since(0, is_reset=True))
    verifier = make_verifier(**CLIENT | {"timing": Timing(poll_pace=3600)})
    await verifier.start()
    await server.wait_for(FEED, 2)
    for _ in range(100):
        assert verifier._background is not None
        await verifier._background.keys.fetch()
    assert server.count(FEED) == 2


async def test_a_burst_of_revocations_is_not_asked_for_one_by_one(
    make_verifier: MakeVerifier, server: ScriptedServer, feed: ScriptedFeed
) -> None:
    verifier = make_verifier(**CLIENT | {"timing": Timing(poll_spacing=3600)})
    await verifier.start()
    await is_live(verifier)
    for number in range(100):
        await feed.state("sessions", f"session {number}")
        assert verifier._background is not None
        await verifier._background.keys.fetch()
    assert server.count(FEED) == 1


async def test_the_service_gets_another_token_when_its_own_is_refused_or_old(
    verifier: Verifier,
    server: ScriptedServer,
    feed: ScriptedFeed,
    tokens: TokenMaker,
    key: SigningKey,
    clock: FakeClock,
) -> None:
    assert len(feed.service_tokens) == 1
    feed.service_tokens.append("the only one that is valid now")
    await server.wait_for("/token", 2)
    await server.wait_for(FEED, server.count(FEED) + 2)  # with the second token
    clock.advance(721)
    await server.wait_for("/token", 3)
    await is_live(verifier)
    assert await outcome(verifier, tokens.token(key)) == "accepted"


@pytest.mark.parametrize(
    "answered",
    (
        status(401),
        status(500),
        json_answer([]),
        json_answer({"access_token": "x"}),
        json_answer({"access_token": "x", "expires_in": "soon"}),
        json_answer({"access_token": 7, "expires_in": 900}),
        json_answer({"access_token": "x\r\ny", "expires_in": 900}),
        answer(b"{"),
        hang,
    ),
)
@pytest.mark.usefixtures("feed")
async def test_a_service_without_a_token_has_a_silent_feed(
    server: ScriptedServer, tokens: TokenMaker, key: SigningKey, answered: Answer
) -> None:
    server.answers["/token"] = answered
    async with Verifier(server.url, AUDIENCE, **IMPATIENT) as verifier:
        assert await outcome(verifier, tokens.token(key)) == "unavailable"


@pytest.mark.parametrize("fault", (flood, drip, status(503), answer(b"x" * 100)))
@pytest.mark.usefixtures("feed")
async def test_a_fault_of_the_feed_ends_in_silence(
    server: ScriptedServer, tokens: TokenMaker, key: SigningKey, fault: Answer
) -> None:
    server.answers[FEED] = fault
    async with Verifier(server.url, AUDIENCE, **IMPATIENT) as verifier:
        assert await outcome(verifier, tokens.token(key)) == "unavailable"


async def test_revocations_are_forgotten_when_no_token_needs_them_any_more(
    verifier: Verifier, feed: ScriptedFeed, clock: FakeClock
) -> None:
    assert verifier._background is not None
    assert verifier._background.feed is not None
    known = verifier._background.feed.revocations
    for number in range(50):
        await feed.state("sessions", f"session {number}")
    await feed.state("users", "somebody", active=False)
    await feed.state("clients", "a client")
    await feed.is_known()
    assert len(known) == 52
    clock.advance(1000)
    await feed.state("sessions", "new", until=clock.now() + 960)
    await feed.is_known()
    assert len(known) == 1


async def test_a_revoked_key_is_never_forgotten_because_its_thief_can_make_tokens_that_expire_later(
    verifier: Verifier, feed: ScriptedFeed, tokens: TokenMaker, key: SigningKey, clock: FakeClock
) -> None:
    await feed.state("keys", key.kid)
    await feed.is_known()
    clock.advance(100_000)
    await feed.state("sessions", "another", until=clock.now() + 960)
    await feed.is_known()
    forged = tokens.token(key, iat=clock.now(), exp=clock.now() + 86_400)
    assert await outcome(verifier, forged) == "key_revoked"
    feed.log.clear()
    feed.forget_cursors()
    await feed.is_known()
    assert await outcome(verifier, forged) == "key_revoked"


async def test_a_clock_that_is_set_back_brings_forgotten_revocations_back(
    verifier: Verifier, feed: ScriptedFeed, tokens: TokenMaker, key: SigningKey, clock: FakeClock
) -> None:
    await feed.state("sessions", SESSION)
    await feed.is_known()
    clock.advance(3600)  # wrongly
    await feed.state("sessions", "another", until=clock.now() + 960)
    await feed.is_known()
    await is_live(verifier)
    clock.set_back(3600)
    assert not verifier.feed_is_live
    await is_live(verifier)
    assert await outcome(verifier, tokens.token(key)) == "session_ended"


async def test_too_many_revocations_count_as_silence_until_there_are_fewer(
    verifier: Verifier,
    feed: ScriptedFeed,
    tokens: TokenMaker,
    key: SigningKey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert verifier._background is not None
    assert verifier._background.feed is not None
    until = int(time.time()) + 960
    feed.log += [("sessions", {"sid": f"session {number}", "until": until}) for number in range(200_001)]
    feed.forget_cursors()
    feed.server.cut()
    async with asyncio.timeout(20):
        while not caplog.messages:
            await asyncio.sleep(0.01)
    assert caplog.messages == [
        f"The feed of revocations {feed.server.url}{FEED} is silent: there are more than 200000 revocations"
    ]
    assert await outcome(verifier, tokens.token(key)) == "unavailable"
    assert not len(verifier._background.feed.revocations)
    del feed.log[1:]
    await is_live(verifier)
    assert await outcome(verifier, tokens.token(key)) == "accepted"
    assert await outcome(verifier, tokens.token(key, sid="session 0")) == "session_ended"


async def test_no_secret_is_in_a_log_an_error_or_a_repr(
    make_verifier: MakeVerifier,
    server: ScriptedServer,
    feed: ScriptedFeed,
    tokens: TokenMaker,
    key: SigningKey,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    verifier = make_verifier(**CLIENT, on_silence="ask")
    token = tokens.token(key)
    await verifier.verify(token)
    before = server.count(FEED)
    feed.be_silent(cut)
    await server.wait_for(FEED, before + 3)
    clock.advance(6)
    with pytest.raises(Unavailable) as unavailable:
        await verifier.verify(token)
    with pytest.raises(InvalidToken) as invalid:
        await verifier.verify(token[:-8] + "AAAAAAAA")
    shown = "\n".join(
        (caplog.text, repr(verifier), repr(verifier._options), repr(unavailable.value), repr(invalid.value))
    )
    for secret in (CLIENT_SECRET, BASIC, BASIC[6:], feed.service_tokens[0], token, token.rsplit(".", 1)[1]):
        assert secret not in shown
    assert "is silent" in shown


GOOD = {"cursor": "c", "reset": False, "sessions": [], "users": [], "clients": [], "keys": []}


def test_an_answer_of_the_feed_is_read() -> None:
    answered = GOOD | {"unknown": 7, "sessions": [{"sid": "s", "until": 5.5, "new": True}]}
    update = revocations.parse(json.dumps(answered).encode())
    assert (update.cursor, update.is_reset, update.entries.sessions) == ("c", False, {"s": 5.5})


@pytest.mark.parametrize(
    "changed",
    (
        {"cursor": ""},
        {"cursor": 7},
        {"cursor": "c" * 4097},
        {"reset": "false"},
        {"reset": None},
        {"sessions": None},
        {"sessions": {"sid": 1}},
        {"sessions": [{"sid": "s"}]},
        {"sessions": [{"sid": "", "until": 1}]},
        {"sessions": [{"sid": "s", "until": "1"}]},
        {"sessions": [{"sid": "s", "until": True}]},
        {"sessions": [7]},
        {"users": [{"sub": "u", "until": 1}]},
        {"users": [{"sub": "u", "until": 1, "active": "false"}]},
        {"users": [{"sub": "u", "until": 1, "active": 1, "username": "a", "roles": []}]},
        {"users": [{"sub": "u", "until": 1, "active": True}]},
        {"users": [{"sub": "u", "until": 1, "active": True, "username": "a", "roles": "r"}]},
        {"users": [{"sub": "u", "until": 1, "active": True, "username": "a", "roles": [1]}]},
        {"users": [{"sub": "u", "until": 1, "active": True, "username": None, "roles": []}]},
        {"clients": [{"sid": "c", "until": 1}]},
        {"keys": [{"kid": None, "until": 1}]},
    ),
    ids=str,
)
def test_an_answer_in_another_form_is_refused_as_a_whole(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^the answer is no answer of a feed of revocations$"):
        revocations.parse(json.dumps(GOOD | changed).encode())


@pytest.mark.parametrize("missing", GOOD)
def test_an_answer_without_one_of_its_members_is_refused(missing: str) -> None:
    members = {name: value for name, value in GOOD.items() if name != missing}
    with pytest.raises(ValueError, match="no answer of a feed"):
        revocations.parse(json.dumps(members).encode())
