"""Measures how soon a server responds after its start, and how much memory it takes."""

import itertools
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from benchmarks.comparison import Comparison, Effort, Goal, by_turns
from benchmarks.contestants import JWTAPI, SECRETS, jwtapi
from benchmarks.load import send_requests
from benchmarks.population import fill, some_sessions, write_profiles
from rich.progress import Progress
from tests.support.server import clean_environment, running_server

REQUESTS = 500_000
SECONDS = 20
"""Seconds of requests between two measurements of the memory."""
SESSIONS = 60_000
BATCH = 10_000
TOKENS_EACH = 20
MEGABYTE = 1_000_000

HALF = f"jwtapi, after {REQUESTS // 2:,} requests"
ALL = f"jwtapi, after {REQUESTS:,} requests"
ALLOWED = "allowed"

_PYTHON = JWTAPI.with_name("python")
_LOADED = "import jwtapi.cli.main, sys; print(*[m for m in sys.modules if not m.startswith(('jwtapi', '__m'))])"
_IMPORT = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)"


def _libraries() -> list[str]:
    """Return all modules of other libraries, in the order in which jwtapi imports them."""
    command = (_PYTHON, "-c", _LOADED)
    return subprocess.run(command, check=True, capture_output=True, text=True, env=clean_environment()).stdout.split()


def _seconds_to_import(modules: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([_PYTHON, "-c", _IMPORT, *modules], check=True, env=clean_environment())
    return time.perf_counter() - started


def _seconds_to_first_answer() -> float:
    started = time.perf_counter()
    with TemporaryDirectory() as folder, running_server(Path(folder), (JWTAPI, "serve"), **SECRETS):
        return time.perf_counter() - started


async def run(progress: Progress, effort: Effort) -> list[Comparison]:
    return [await _start(progress, effort), await _memory(progress)]


async def _start(progress: Progress, effort: Effort) -> Comparison:
    comparison = Comparison(
        "From the start to the first answer", "s", (Goal("jwtapi", "importing its libraries", at_most=2),)
    )
    modules = _libraries()

    async def importing() -> None:
        comparison.add("importing its libraries", _seconds_to_import(modules))

    async def starting() -> None:
        comparison.add("jwtapi", _seconds_to_first_answer())

    await by_turns(progress, "Start", effort.rounds, {"importing its libraries": importing, "jwtapi": starting})
    return comparison


async def _memory(progress: Progress) -> Comparison:
    comparison = Comparison(
        "Resident memory of a worker, each request with another token",
        "MB",
        (Goal(ALL, HALF, at_most=1.02), Goal(ALL, ALLOWED, at_most=1)),
    )
    task = progress.add_task(f"{REQUESTS:,} requests with as many tokens", total=REQUESTS)
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/memory.db"
        await fill(url, users=1000, sessions=SESSIONS)
        people = await some_sessions(url, SESSIONS)
        batches = itertools.cycle([people[start : start + BATCH] for start in range(0, SESSIONS, BATCH)])
        requests = Path(folder, "requests")
        async with jwtapi(DATABASE_URL=url) as ours:
            worker = psutil.Process(ours.pid)
            sizes = [worker.memory_info().rss / MEGABYTE]
            sent = 0
            while sent < REQUESTS:
                write_profiles(requests, next(batches), tokens_each=TOKENS_EACH)
                load = await send_requests(ours.url, {}, seconds=SECONDS, requests=requests)
                assert load.failures == 0, load
                assert load.requests <= BATCH * TOKENS_EACH, "tokens were used twice"
                sent += load.requests
                sizes.append(worker.memory_info().rss / MEGABYTE)
                progress.update(task, completed=min(sent, REQUESTS))
    comparison.add("jwtapi, after a login", sizes[0])
    comparison.add(HALF, sizes[len(sizes) // 2])
    comparison.add(ALL, sizes[-1])
    comparison.add(ALLOWED, 110)
    return comparison
