"""Checks of access tokens: GET /profile and GET /auth/verify."""

from functools import partial

from benchmarks.comparison import Comparison, Effort, Goal, by_turns
from benchmarks.contestants import Contestant, all_of, ceiling, express, fastapi_users, jwtapi
from benchmarks.load import send_requests
from rich.progress import Progress


async def run(progress: Progress, effort: Effort) -> list[Comparison]:
    profile = Comparison(
        "GET /profile, 32 connections",
        "req/s",
        (
            Goal("jwtapi", "bare FastAPI route", at_least=0.85),
            Goal("jwtapi", "Express", at_least=3),
            Goal("jwtapi", "fastapi-users", at_least=10),
        ),
    )
    verify = Comparison("GET /auth/verify, 32 connections", "req/s", (Goal("jwtapi", "raw ASGI", at_least=0.5),))

    async def measure(comparison: Comparison, name: str, contestant: Contestant, path: str) -> None:
        load = await send_requests(contestant.url + path, contestant.headers, seconds=effort.seconds)
        assert load.failures == 0, f"{name}: {load}"
        comparison.add(name, load.rate)

    async with all_of(
        ours=jwtapi(),
        bare=ceiling("bare_fastapi"),
        raw=ceiling("raw_asgi"),
        express=express(),
        fastapi_users=fastapi_users(),
    ) as running:
        turns = {
            "jwtapi": partial(measure, profile, "jwtapi", running["ours"], "/profile"),
            "bare FastAPI route": partial(measure, profile, "bare FastAPI route", running["bare"], "/profile"),
            "Express": partial(measure, profile, "Express", running["express"], "/profile"),
            "fastapi-users": partial(measure, profile, "fastapi-users", running["fastapi_users"], "/profile"),
        }
        await by_turns(progress, "GET /profile", effort.rounds, turns)
        turns = {
            "jwtapi": partial(measure, verify, "jwtapi", running["ours"], "/auth/verify"),
            "raw ASGI": partial(measure, verify, "raw ASGI", running["raw"], "/auth/verify"),
        }
        await by_turns(progress, "GET /auth/verify", effort.rounds, turns)
    return [profile, verify]
