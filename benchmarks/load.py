"""Work for a server: requests by wrk, and logins by our own clients."""

import asyncio
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

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
    process = await _start_wrk(url, headers, seconds=seconds, connections=connections, requests=requests)
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return Load(**json.loads(output.decode().strip().splitlines()[-1]))


@asynccontextmanager
async def read_without_pause(url: str, headers: Mapping[str, str], *, connections: int) -> AsyncIterator[None]:
    """Request `url` without pause until the block ends."""
    process = await _start_wrk(url, headers, seconds=3600, connections=connections)
    try:
        await asyncio.sleep(0.5)  # until all connections have begun
        yield
        assert process.returncode is None, "wrk ended by itself"
    finally:
        process.kill()
        await process.wait()


async def _start_wrk(
    url: str, headers: Mapping[str, str], *, seconds: float, connections: int, requests: Path | None = None
) -> asyncio.subprocess.Process:
    assert shutil.which("wrk"), "wrk is not installed: apt-get install wrk"
    lines = [option for name, value in headers.items() for option in ("--header", f"{name}: {value}")]
    return await asyncio.create_subprocess_exec(
        *("wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:.0f}s"),
        *("--timeout", "20s", "--script", str(_REPORT), *lines, url),
        env=dict(os.environ) | ({"REQUESTS": str(requests)} if requests else {}),
        stdout=asyncio.subprocess.PIPE,
    )


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
                await contestant.log_in(client)

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
