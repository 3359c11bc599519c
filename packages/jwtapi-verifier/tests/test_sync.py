import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from jwtapi_verifier import ExpiredToken, InvalidToken, SyncVerifier, Unavailable
from jwtapi_verifier.timing import Retries, Timing
from made_tokens import AUDIENCE, SESSION, SigningKey, TokenMaker, signing_key
from scripted_feed import CLIENT_ID, CLIENT_SECRET, ScriptedFeed
from scripted_server import ScriptedServer, hang, json_answer, status

KEYS = "/.well-known/jwks.json"
QUICK = Timing(fetch=20, poll=1, poll_pace=0.001, poll_retries=Retries(0.01, 0.02))
T = TypeVar("T")


async def in_thread(use: Callable[..., T], *arguments: Any) -> T:
    """Call what blocks, while the server goes on in this thread."""
    return await asyncio.to_thread(use, *arguments)


def threads() -> int:
    return sum(thread.name == "jwtapi-verifier" for thread in threading.enumerate())


@pytest.fixture
async def verifier(server: ScriptedServer) -> AsyncIterator[SyncVerifier]:
    verifier = SyncVerifier(server.url, AUDIENCE, timing=QUICK)
    yield verifier
    await in_thread(verifier.close)


async def test_a_token_is_checked_in_a_program_without_an_event_loop(
    verifier: SyncVerifier, tokens: TokenMaker, key: SigningKey
) -> None:
    claims = await in_thread(verifier.verify, tokens.token(key))
    assert (claims.username, claims.session_id) == ("alice", SESSION)
    with pytest.raises(ExpiredToken):
        await in_thread(verifier.verify, tokens.token(key, iat=1, exp=2))
    with pytest.raises(InvalidToken, match="wrong_signature"):
        await in_thread(verifier.verify, tokens.token(signing_key(number=1)))
    assert repr(verifier) == f"SyncVerifier('{tokens.issuer}', '{AUDIENCE}')"


async def test_eight_threads_share_one_background_thread_and_one_fetch(
    verifier: SyncVerifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    good, forged = tokens.token(key), tokens.token(signing_key(number=1))
    together = threading.Barrier(8)

    def check() -> set[str]:
        together.wait()
        outcomes = {verifier.verify(good).sub for _ in range(50)}
        for _ in range(50):
            with pytest.raises(InvalidToken):
                verifier.verify(forged)
        return outcomes

    with ThreadPoolExecutor(8) as pool:
        checks = [pool.submit(check) for _ in range(8)]
        results = await asyncio.gather(*map(asyncio.wrap_future, checks))
    assert len(set.union(*results)) == 1
    assert server.count(KEYS) == 1
    assert threads() == 1


async def test_a_known_key_needs_no_background_thread(
    verifier: SyncVerifier, tokens: TokenMaker, key: SigningKey
) -> None:
    await in_thread(verifier.start)
    assert verifier._worker is not None
    stopped, go_on = threading.Event(), threading.Event()

    def stop() -> None:
        stopped.set()
        go_on.wait()

    verifier._worker.loop.call_soon_threadsafe(stop)
    stopped.wait()
    try:
        assert verifier.verify(tokens.token(key))
    finally:
        go_on.set()


async def test_invented_kids_of_eight_threads_cost_at_most_two_fetches(
    verifier: SyncVerifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    def outcome(number: int) -> str:
        with pytest.raises(InvalidToken) as error:
            verifier.verify(tokens.token(key, header={"kid": f"invented {number}"}))
        return error.value.reason

    with ThreadPoolExecutor(8) as pool:
        outcomes = [pool.submit(outcome, number) for number in range(200)]
        assert set(await asyncio.gather(*map(asyncio.wrap_future, outcomes))) == {"unknown_key"}
    assert server.count(KEYS) <= 2


async def test_a_new_key_is_fetched(
    verifier: SyncVerifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    new = signing_key(kid="new", number=1)
    await in_thread(verifier.start)
    server.answers[KEYS] = json_answer({"keys": [key.jwk, new.jwk]})
    assert await in_thread(verifier.verify, tokens.token(new))


async def test_the_feed_is_followed(server: ScriptedServer, tokens: TokenMaker, key: SigningKey) -> None:
    feed = ScriptedFeed(server)
    verifier = SyncVerifier(server.url, AUDIENCE, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, timing=QUICK)
    assert not verifier.feed_is_live
    try:
        assert await in_thread(verifier.verify, tokens.token(key))
        assert verifier.feed_is_live
        await feed.state("sessions", SESSION)
        await feed.is_known()
        with pytest.raises(InvalidToken, match="session_ended"):
            verifier.verify(tokens.token(key))
    finally:
        await in_thread(verifier.close)
    assert not verifier.feed_is_live


async def test_an_issuer_that_does_not_answer_is_unavailable(
    verifier: SyncVerifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    server.answers[KEYS] = status(500)
    with pytest.raises(Unavailable):
        await in_thread(verifier.verify, tokens.token(key))


async def test_a_background_thread_that_does_not_answer_is_unavailable(
    server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    server.answers[KEYS] = hang
    verifier = SyncVerifier(server.url, AUDIENCE, timing=Timing(handover=0.05))
    try:
        with pytest.raises(Unavailable, match="background thread"):
            await in_thread(verifier.verify, tokens.token(key))
    finally:
        await in_thread(verifier.close)


async def test_a_caller_that_waits_gets_an_answer_when_the_verifier_is_closed(
    server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    server.answers |= {KEYS: hang}
    verifier = SyncVerifier(server.url, AUDIENCE)
    waiting = asyncio.create_task(in_thread(verifier.verify, tokens.token(key)))
    await server.wait_for(KEYS, 1)
    await in_thread(verifier.close)
    with pytest.raises(Unavailable):
        await waiting


async def test_a_caller_that_waits_for_the_feed_gets_an_answer_when_the_verifier_is_closed(
    server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    ScriptedFeed(server).be_silent()
    verifier = SyncVerifier(server.url, AUDIENCE, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    await in_thread(verifier.start)
    waiting = asyncio.create_task(in_thread(verifier.verify, tokens.token(key)))
    assert verifier._worker is not None
    while not any("Verifier.verify" in repr(task) for task in asyncio.all_tasks(verifier._worker.loop)):
        await asyncio.sleep(0.001)
    await in_thread(verifier.close)
    with pytest.raises(Unavailable):
        await waiting


async def test_a_closed_verifier_has_no_thread_and_can_be_started_again(
    verifier: SyncVerifier, tokens: TokenMaker, key: SigningKey
) -> None:
    def use() -> None:
        with verifier:
            assert threads() == 1
            verifier.verify(tokens.token(key))
        assert threads() == 0
        with pytest.raises(RuntimeError, match="closed"):
            verifier.verify(tokens.token(key))
        with verifier:
            verifier.verify(tokens.token(key))

    await in_thread(use)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
async def test_a_forked_process_starts_a_thread_of_its_own(
    verifier: SyncVerifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    token = tokens.token(key)
    await in_thread(verifier.verify, token)
    child = os.fork()
    if child == 0:  # pragma: no cover - only the parent is measured
        try:
            os._exit(0 if verifier.verify(token).sub and threads() == 1 else 1)
        finally:
            os._exit(2)
    _, code = await in_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(code) == 0
    assert server.count(KEYS) == 2


async def test_wrong_options_are_refused_when_the_verifier_is_made() -> None:
    with pytest.raises(ValueError, match="issuer is wrong"):
        SyncVerifier("http://auth.example", AUDIENCE)
