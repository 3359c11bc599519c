"""Checks of access tokens and API keys: GET /profile and GET /auth/verify."""

from dataclasses import replace
from functools import partial

from benchmarks.comparison import Comparison, Effort, Goal, by_turns
from benchmarks.contestants import Contestant, all_of, api_key_of, ceiling, jwtapi_and_peers
from benchmarks.load import Load, send_requests
from rich.progress import Progress

BY_KEY = "jwtapi, by API key"


async def run(progress: Progress, effort: Effort) -> list[Comparison]:
    profile = Comparison(
        "GET /profile, 32 connections",
        "req/s",
        (
            Goal("jwtapi", "bare FastAPI route", at_least=0.85),
            Goal("jwtapi", "Fastify", at_least=2),
            Goal("jwtapi", "Express", at_least=3),
            Goal("jwtapi", "fastapi-users", at_least=10),
            Goal(BY_KEY, "jwtapi", at_least=0.9),
        ),
    )
    waiting = Comparison("GET /profile, 32 connections: p99", "ms", (Goal("jwtapi", "Fastify", at_most=0.5),))
    verify = Comparison(
        "GET /auth/verify, 32 connections",
        "req/s",
        (Goal("jwtapi", "raw ASGI", at_least=0.5, aim=0.75), Goal(BY_KEY, "jwtapi", at_least=0.9)),
    )

    async def send(name: str, contestant: Contestant, path: str) -> Load:
        load = await send_requests(contestant.url + path, contestant.headers, seconds=effort.seconds)
        assert load.failures == 0, f"{name}: {load}"
        return load

    async def get_profile(name: str, contestant: Contestant) -> None:
        load = await send(name, contestant, "/profile")
        profile.add(name, load.rate)
        waiting.add(name, load.p99 * 1000)

    async def get_verify(name: str, contestant: Contestant) -> None:
        verify.add(name, (await send(name, contestant, "/auth/verify")).rate)

    ceilings = {"bare FastAPI route": ceiling("bare_fastapi"), "raw ASGI": ceiling("raw_asgi")}
    async with all_of(jwtapi_and_peers() | ceilings) as running:
        key = await api_key_of(running["jwtapi"])
        running[BY_KEY] = replace(running["jwtapi"], headers={"Authorization": f"Bearer {key}"})
        with_profile = [name for name in running if name != "raw ASGI"]
        turns = {name: partial(get_profile, name, running[name]) for name in with_profile}
        await by_turns(progress, "GET /profile", effort.rounds, turns)
        turns = {name: partial(get_verify, name, running[name]) for name in ("jwtapi", BY_KEY, "raw ASGI")}
        await by_turns(progress, "GET /auth/verify", effort.rounds, turns)
    return [profile, waiting, verify]
