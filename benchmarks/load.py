"""Work for a server: requests by wrk, and logins by our own clients."""

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import MappingProxyType

import httpx
from benchmarks.contestants import Contestant

_REPORT = Path(__file__).with_name("report.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """The result of some seconds of requests. `p50` and `p99` are in seconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failures: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


async def send_requests(
    url: str, headers: Mapping[str, str], *, seconds: float, connections: int = 32, requests: Path | None = None
) -> Load:
    """Request `url` without pause, or send the requests of a file in the form that `report.lua` describes.

    Raises:
        AssertionError: wrk failed.
    """
    files = {"REQUESTS": requests} if requests else {}
    return await _load_of(await _start_wrk(url, headers, seconds=seconds, connections=connections, files=files))


async def refresh_in_a_row(contestant: Contestant, *, seconds: float, clients: int) -> Load:
    """Refresh a new session for each client without pause. Each request sends the cookie of the response before.

    Raises:
        AssertionError: wrk failed, or a request did.
    """
    with NamedTemporaryFile("w") as cookies:
        async with contestant.client() as client:
            for _ in range(clients):
                response = (await contestant.log_in(client)).raise_for_status()
                print(response.cookies["refreshToken"], file=cookies, flush=True)
                client.cookies.clear()
        files = {"COOKIES": Path(cookies.name)}
        wrk = await _start_wrk(contestant.url, {}, seconds=seconds, connections=clients, threads=clients, files=files)
        load = await _load_of(wrk)
    assert load.failures == 0, load
    return load


@asynccontextmanager
async def read_without_pause(url: str, headers: Mapping[str, str], *, connections: int) -> AsyncIterator[None]:
    """Request `url` without pause until the block ends.

    Raises:
        AssertionError: wrk failed, or a request did.
    """
    process = await _start_wrk(url, headers, seconds=3600, connections=connections)
    try:
        await asyncio.sleep(0.5)  # until all connections have begun
        yield
        assert process.returncode is None, "wrk ended by itself"
        process.send_signal(signal.SIGINT)  # ends it with a report
        load = await _load_of(process)
        assert load.failures == 0, load
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _start_wrk(  # noqa: PLR0913  the options of wrk
    url: str,
    headers: Mapping[str, str],
    *,
    seconds: float,
    connections: int,
    threads: int = 1,
    files: Mapping[str, Path] = MappingProxyType({}),
) -> asyncio.subprocess.Process:
    """Start wrk with `report.lua`. `files` are the variables of the environment that it reads."""
    assert shutil.which("wrk"), "wrk is not installed: apt-get install wrk"
    lines = [option for name, value in headers.items() for option in ("--header", f"{name}: {value}")]
    return await asyncio.create_subprocess_exec(
        *("wrk", "--threads", str(threads), "--connections", str(connections), "--duration", f"{seconds:.0f}s"),
        *("--timeout", "20s", "--script", str(_REPORT), *lines, url),
        env=dict(os.environ) | {name: str(path) for name, path in files.items()},
        stdout=asyncio.subprocess.PIPE,
    )


async def _load_of(wrk: asyncio.subprocess.Process) -> Load:
    output, _ = await wrk.communicate()
    assert wrk.returncode == 0, output.decode()
    return Load(**json.loads(output.decode().strip().splitlines()[-1]))


async def time_logins(contestant: Contestant, *, count: int, clients: int = 8) -> float:
    """Return the seconds that `count` logins take for the clients.

    A client sends its next login after each response.
    """
    numbers = iter(range(count))
    async with contestant.client() as client:

        async def log_in() -> None:
            for _ in numbers:
                (await contestant.log_in(client)).raise_for_status()

        started = time.perf_counter()
        await asyncio.gather(*(log_in() for _ in range(clients)))
        return time.perf_counter() - started


@asynccontextmanager
async def login_storm(contestant: Contestant, *, clients: int = 8) -> AsyncIterator[None]:
    """Run clients that log in without pause until the block ends."""
    async with contestant.client() as client:

        async def log_in() -> None:
            while True:
                (await contestant.log_in(client)).raise_for_status()

        tasks = [asyncio.create_task(log_in()) for _ in range(clients)]
        await asyncio.sleep(1)  # until all of them wait for a hash
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, httpx.HTTPError):
                    raise outcome
