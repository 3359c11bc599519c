import asyncio
import gzip
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from jwtapi_verifier import InvalidToken, Unavailable, Verifier
from jwtapi_verifier.timing import Retries, Timing
from made_tokens import AUDIENCE, SigningKey, TokenMaker, signing_key
from scripted_server import Answer, ScriptedServer, answer, cut, drip, flood, hang, json_answer, status
from verifier_parts import FakeClock, MakeVerifier

KEYS = "/.well-known/jwks.json"
QUICK = Timing(fetch=20, refresh_at_least=0.01, refresh_at_most=0.01, fetch_retries=Retries(0.01, 0.02))
NEW = signing_key(kid="new", number=1)
GOOD = json.dumps({"keys": [signing_key().jwk, NEW.jwk]}).encode()

WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505 - so weak that it must be refused

IMPATIENT = replace(QUICK, fetch=0.3)
ENDLESS = {"hang", "slow", "without end"}
FAULTS: dict[str, Answer] = {
    "500": status(500),
    "404": status(404),
    "204": status(204),
    "hang": hang,
    "cut": cut,
    "slow": drip,
    "20 MB": flood,
    "300 KB": answer(GOOD + b" " * 300_000),
    "without end": answer(GOOD, Content_Length="100000"),
    "redirect": answer(b"", 302, Location="/elsewhere"),
    "permanent redirect": answer(GOOD, 308, Location="/elsewhere"),
    "gzip": answer(gzip.compress(GOOD), Content_Encoding="gzip"),
    "no JSON": answer(b"<html>"),
    "empty": answer(b""),
    "no keys": json_answer({"keys": []}),
    "duplicate kid": json_answer({"keys": [NEW.jwk, NEW.jwk]}),
    "private member": json_answer({"keys": [NEW.jwk | {"d": "AAAA"}]}),
    "wrong algorithm": json_answer({"keys": [NEW.jwk | {"alg": "HS256"}]}),
    "weak RSA": json_answer({"keys": [SigningKey("new", "RS256", WEAK).jwk]}),
    "1000 keys": json_answer({"keys": [NEW.jwk | {"kid": str(number)} for number in range(1000)]}),
    "endless header": answer(GOOD, X="x" * 1_000_000),
    "no HTTP": answer(b"", Content_Length="x\r\n\r\nHTTP/1.1"),
}


async def refresh(server: ScriptedServer) -> None:
    """Wait until a fetch that began after now has ended."""
    await server.wait_for(KEYS, server.count(KEYS) + 2)


async def accepted(verifier: Verifier, token: str) -> None:
    """Wait until the token is accepted."""
    async with asyncio.timeout(20):
        while True:
            with suppress(Unavailable):
                await verifier.verify(token)
                return
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_the_key_set_is_no_outage_of_what_is_known(
    make_verifier: MakeVerifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey, fault: str
) -> None:
    verifier = make_verifier(timing=IMPATIENT if fault in ENDLESS else QUICK, cooldown=0)
    await accepted(verifier, tokens.token(key))
    server.answers |= {KEYS: FAULTS[fault], "/elsewhere": answer(GOOD)}
    await refresh(server)
    assert await verifier.verify(tokens.token(key))
    with pytest.raises(Unavailable):
        await verifier.verify(tokens.token(NEW))
    server.answers[KEYS] = answer(GOOD)
    await accepted(verifier, tokens.token(NEW))
    assert not server.count("/elsewhere")


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_verifier_without_keys_recovers_by_itself(
    make_verifier: MakeVerifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey, fault: str
) -> None:
    good, server.answers[KEYS] = server.answers[KEYS], FAULTS[fault]
    verifier = make_verifier(timing=IMPATIENT if fault in ENDLESS else QUICK)
    await verifier.start()
    with pytest.raises(Unavailable) as error:
        await verifier.verify(tokens.token(key))
    assert error.value.__cause__ is None
    server.answers[KEYS] = good
    await accepted(verifier, tokens.token(key))


async def test_a_server_that_does_not_listen_is_unavailable(
    verifier: Verifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    await server.stop()
    with pytest.raises(Unavailable):
        await verifier.verify(tokens.token(key))


async def test_callers_do_not_make_fetches_more_frequent_while_there_are_no_keys(
    verifier: Verifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    server.answers[KEYS] = status(500)
    await verifier.start()
    for _ in range(100):
        with pytest.raises(Unavailable):
            await verifier.verify(tokens.token(key))
    assert server.count(KEYS) <= 2


async def test_known_keys_are_used_for_a_day_and_not_longer(
    make_verifier: MakeVerifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey, clock: FakeClock
) -> None:
    good = server.answers[KEYS]
    verifier = make_verifier(timing=QUICK)
    await verifier.start()
    server.answers[KEYS] = status(500)
    await refresh(server)
    clock.advance(86_000)
    assert await verifier.verify(tokens.token(key, iat=clock.now(), exp=clock.now() + 900))
    clock.advance(401)
    token = tokens.token(key, iat=clock.now(), exp=clock.now() + 900)
    with pytest.raises(Unavailable):
        await verifier.verify(token)
    server.answers[KEYS] = good
    await refresh(server)
    assert await verifier.verify(token)


async def test_a_hundred_first_tokens_cost_one_fetch(
    verifier: Verifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    token = tokens.token(key)
    assert len(await asyncio.gather(*(verifier.verify(token) for _ in range(100)))) == 100
    assert server.count(KEYS) == 1


@pytest.mark.parametrize("how", ("together", "one after another"))
async def test_a_thousand_tokens_with_invented_kids_cost_at_most_two_fetches(
    verifier: Verifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey, how: str
) -> None:
    forged = [tokens.token(key, header={"kid": f"invented {number}"}) for number in range(1000)]
    if how == "together":
        outcomes = await asyncio.gather(*map(verifier.verify, forged), return_exceptions=True)
    else:
        outcomes = [(await asyncio.gather(verifier.verify(token), return_exceptions=True))[0] for token in forged]
    assert {getattr(outcome, "reason", outcome) for outcome in outcomes} == {"unknown_key"}
    assert server.count(KEYS) <= 2
    assert await verifier.verify(tokens.token(key))
    assert server.count(KEYS) <= 2


async def test_unknown_kids_take_no_memory(
    make_verifier: MakeVerifier, tokens: TokenMaker, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jwtapi_verifier.key_source.MAX_ABSENT", 10)
    verifier = make_verifier(cooldown=0)
    for number in range(30):
        with pytest.raises(InvalidToken):
            await verifier.verify(tokens.token(key, header={"kid": f"invented {number}"}))
    assert verifier._background is not None
    assert len(verifier._background.keys._absent) == 10


async def test_a_key_that_was_published_while_a_fetch_was_running_is_found(
    verifier: Verifier, server: ScriptedServer, tokens: TokenMaker
) -> None:
    await verifier.start()
    old, may_answer = server.answers[KEYS], asyncio.Event()

    async def late(*request: Any) -> None:
        server.answers[KEYS] = answer(GOOD)
        await may_answer.wait()
        await old(*request)

    server.answers[KEYS] = late
    assert verifier._background is not None
    fetching = asyncio.create_task(verifier._background.keys.fetch())
    await server.wait_for(KEYS, 2)
    verifying = asyncio.gather(*(verifier.verify(tokens.token(NEW)) for _ in range(20)))
    await asyncio.sleep(0)
    may_answer.set()
    assert len(await verifying) == 20
    assert await fetching
    assert server.count(KEYS) == 3


async def test_an_unknown_kid_is_looked_for_again_after_the_cooldown_unless_it_is_the_same(
    verifier: Verifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey, clock: FakeClock
) -> None:
    async def fetches(kid: str) -> int:
        before = server.count(KEYS)
        with pytest.raises(InvalidToken):
            await verifier.verify(tokens.token(key, header={"kid": kid}))
        return server.count(KEYS) - before

    await verifier.start()
    assert [await fetches("a"), await fetches("a"), await fetches("b")] == [1, 0, 0]
    clock.advance(29)
    assert await fetches("b") == 0
    clock.advance(1)
    assert [await fetches("a"), await fetches("b"), await fetches("c")] == [0, 1, 0]
    clock.advance(300)
    assert await fetches("a") == 1


async def test_a_failed_search_for_a_key_is_no_refusal(
    verifier: Verifier, server: ScriptedServer, tokens: TokenMaker, clock: FakeClock
) -> None:
    await verifier.start()
    server.answers[KEYS] = status(500)
    for _ in range(2):  # also during the cooldown
        with pytest.raises(Unavailable):
            await verifier.verify(tokens.token(NEW))
    assert server.count(KEYS) == 2
    server.answers[KEYS] = answer(GOOD)
    clock.advance(30)
    assert await verifier.verify(tokens.token(NEW))


async def test_a_new_key_is_fetched_once(
    verifier: Verifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    await verifier.start()
    server.answers[KEYS] = answer(GOOD)
    together = [tokens.token(NEW), tokens.token(key)] * 20
    assert len(await asyncio.gather(*map(verifier.verify, together))) == 40
    assert server.count(KEYS) == 2


async def test_a_removed_key_is_refused_after_the_next_fetch(
    make_verifier: MakeVerifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    verifier = make_verifier(timing=QUICK)
    assert await verifier.verify(tokens.token(key))
    server.answers[KEYS] = json_answer({"keys": [NEW.jwk]})
    await refresh(server)
    assert await verifier.verify(tokens.token(NEW))
    with pytest.raises(InvalidToken, match="unknown_key"):
        await verifier.verify(tokens.token(key))


async def test_a_known_key_is_never_delayed_by_an_unknown_one(
    verifier: Verifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    await verifier.start()
    server.answers[KEYS] = hang
    waiting = asyncio.create_task(verifier.verify(tokens.token(NEW)))
    await server.wait_for(KEYS, 2)
    assert verifier.verify_without_io(tokens.token(key))
    assert not waiting.done()
    await verifier.close()
    with pytest.raises(Unavailable):
        await waiting


async def test_a_caller_that_is_cancelled_does_not_cancel_the_fetch_of_the_others(
    verifier: Verifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    may_answer = asyncio.Event()
    good = server.answers[KEYS]

    async def later(*request: object) -> None:
        await may_answer.wait()
        await good(*request)  # type: ignore[arg-type]

    server.answers[KEYS] = later
    first, second = (asyncio.create_task(verifier.verify(tokens.token(key))) for _ in range(2))
    await server.wait_for(KEYS, 1)
    first.cancel()
    await asyncio.wait([first])
    may_answer.set()
    assert await second
    assert first.cancelled()
    assert server.count(KEYS) == 1


async def test_a_clock_that_is_set_back_delays_no_fetch(
    verifier: Verifier, server: ScriptedServer, tokens: TokenMaker, clock: FakeClock
) -> None:
    await verifier.start()
    with pytest.raises(InvalidToken):
        await verifier.verify(tokens.token(signing_key(kid="invented")))
    server.answers[KEYS] = answer(GOOD)
    clock.set_back(3600)
    clock.advance(31)
    assert await verifier.verify(tokens.token(NEW, iat=clock.now(), auth_time=clock.now(), exp=clock.now() + 900))


@pytest.mark.parametrize(
    ("header", "seconds"),
    (
        ({}, 150),
        ({"Cache_Control": "public, max-age=300"}, 150),
        ({"Cache_Control": "Max-Age=1000"}, 500),
        ({"Cache_Control": "s-maxage=9999,max-age=400"}, 200),
        ({"Cache_Control": "max-age=1"}, 60),
        ({"Cache_Control": "max-age=0"}, 60),
        ({"Cache_Control": "no-store"}, 150),
        ({"Cache_Control": "max-age=999999999999999999999999"}, 3600),
        ({"Cache_Control": "max-age=99999"}, 3600),
        ({"Cache_Control": "max-age=-5"}, 150),
        ({"Cache_Control": "max-age=soon"}, 150),
    ),
)
async def test_keys_are_fetched_again_after_half_of_the_time_for_which_they_may_be_cached(
    verifier: Verifier, server: ScriptedServer, header: dict[str, str], seconds: float
) -> None:
    server.answers[KEYS] = answer(GOOD, **header)
    await verifier.start()
    assert verifier._background is not None
    assert verifier._background.keys._refresh_after == seconds


async def test_no_cookie_is_sent_back(make_verifier: MakeVerifier, server: ScriptedServer) -> None:
    server.answers[KEYS] = answer(GOOD, Set_Cookie="tracked=yes; Path=/")
    await make_verifier(timing=QUICK).start()
    await refresh(server)
    assert all("cookie" not in request.headers for request in server.requests)


async def test_an_address_of_the_key_set_may_be_given(
    server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    server.answers["/keys"] = server.answers.pop(KEYS)
    async with Verifier(server.url, AUDIENCE, jwks_url=f"{server.url}/keys") as verifier:
        assert await verifier.verify(tokens.token(key))


async def test_the_failure_is_logged_once_and_so_is_its_end(
    make_verifier: MakeVerifier, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "jwtapi_verifier")
    server.answers[KEYS] = status(500)
    await make_verifier(timing=QUICK).start()
    await refresh(server)
    server.answers[KEYS] = answer(GOOD)
    await refresh(server)
    assert caplog.messages == [
        f"The key set {server.url}{KEYS} could not be fetched: the answer has the status 500",
        f"The key set {server.url}{KEYS} is fetched again",
    ]


async def test_a_verifier_that_was_never_closed_goes_on_in_the_next_event_loop(
    verifier: Verifier, server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    for _ in range(2):
        assert await asyncio.to_thread(asyncio.run, verifier.verify(tokens.token(key)))
    assert server.count(KEYS) == 2


async def test_a_verifier_refuses_to_work_in_two_event_loops(
    verifier: Verifier, tokens: TokenMaker, key: SigningKey
) -> None:
    await verifier.start()
    with pytest.raises(RuntimeError, match="another event loop"):
        await asyncio.to_thread(asyncio.run, verifier.verify(tokens.token(key)))


async def test_a_closed_verifier_can_only_be_started_again(
    verifier: Verifier, tokens: TokenMaker, key: SigningKey
) -> None:
    async with verifier:
        assert await verifier.verify(tokens.token(key))
    await verifier.close()
    with pytest.raises(RuntimeError, match="closed"):
        await verifier.verify(tokens.token(key))
    async with verifier:
        assert await verifier.verify(tokens.token(key))
