"""What each SIGNING_ALGORITHM costs: refreshes, which sign a token each; remembered and new tokens; and the verifier.

A refresh waits for the disk, so the algorithms differ less there than the times of a signature do.
"""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import jwt
from benchmarks.comparison import Comparison, Effort, Goal, by_turns
from benchmarks.contestants import Contestant, all_of, jwtapi
from benchmarks.load import refresh_in_a_row, send_requests
from rich.progress import Progress
from tests.conftest import JWT_SECRET
from tests.support.server import free_port

from jwtapi_verifier import SyncVerifier

CLIENTS = 16
ALGORITHMS = ("HS256", "ES256", "EdDSA", "RS256")
DECODES = 2_000
"""Checks of a turn in this process."""


async def run(progress: Progress, effort: Effort) -> list[Comparison]:
    refreshes = Comparison(f"POST /refresh, {CLIENTS} clients, SQLite, by algorithm", "req/s")
    remembered = Comparison("GET /profile, 32 connections, by algorithm", "req/s", [_as_quick_as_a_secret()])
    verifying = Comparison(
        "A check of one token in this process", "µs", [_nearly_bare(each) for each in ALGORITHMS[1:]]
    )

    async def refresh(name: str, contestant: Contestant) -> None:
        refreshes.add(name, (await refresh_in_a_row(contestant, seconds=effort.seconds, clients=CLIENTS)).rate)

    async def check(name: str, contestant: Contestant) -> None:
        load = await send_requests(f"{contestant.url}/profile", contestant.headers, seconds=effort.seconds)
        assert load.failures == 0, f"{name}: {load}"
        remembered.add(name, load.rate)

    async def decode(name: str, work: Callable[[], object]) -> None:
        started = time.perf_counter()
        for _ in range(DECODES):
            work()
        verifying.add(name, (time.perf_counter() - started) / DECODES * 1_000_000)

    async with all_of({f"jwtapi, {algorithm}": _with(algorithm) for algorithm in ALGORITHMS}) as running:
        turns = {name: partial(refresh, name, contestant) for name, contestant in running.items()}
        await by_turns(progress, "Refreshes by algorithm", effort.rounds, turns)
        turns = {name: partial(check, name, contestant) for name, contestant in running.items()}
        await by_turns(progress, "Checks by algorithm", effort.rounds, turns)
        works = {}
        verifiers = []
        for algorithm in ALGORITHMS:
            contestant = running[f"jwtapi, {algorithm}"]
            token = contestant.headers["Authorization"].removeprefix("Bearer ")
            works[_bare(algorithm)] = _bare_decode(contestant, algorithm, token)
            if algorithm != "HS256":
                verifier = SyncVerifier(contestant.url, contestant.url)
                verifier.start()
                verifiers.append(verifier)
                works[_ours(algorithm)] = partial(verifier.verify, token)
        turns = {name: partial(decode, name, work) for name, work in works.items()}
        await by_turns(progress, "Checks in a service", effort.rounds, turns)
        for verifier in verifiers:
            verifier.close()
    return [refreshes, remembered, verifying]


def _with(algorithm: str) -> AbstractAsyncContextManager[Contestant]:
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    return jwtapi(PORT=port, PUBLIC_URL=url, SIGNING_ALGORITHM=algorithm, BCRYPT_ROUNDS="4")


def _bare_decode(contestant: Contestant, algorithm: str, token: str) -> Callable[[], object]:
    """Return a check by PyJWT with a key that is at hand."""
    if algorithm == "HS256":
        return partial(jwt.decode, token, JWT_SECRET, ["HS256"])
    key = jwt.PyJWKClient(f"{contestant.url}/.well-known/jwks.json").get_signing_key_from_jwt(token).key
    return partial(jwt.decode, token, key, [algorithm], audience=contestant.url)


def _bare(algorithm: str) -> str:
    return f"PyJWT's decode, {algorithm}"


def _ours(algorithm: str) -> str:
    return f"jwtapi-verifier, {algorithm}"


def _as_quick_as_a_secret() -> Goal:
    return Goal("jwtapi, ES256", "jwtapi, HS256", at_least=0.95)


def _nearly_bare(algorithm: str) -> Goal:
    return Goal(_ours(algorithm), _bare(algorithm), at_most=1.2)
