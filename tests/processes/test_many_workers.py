"""Several processes on one database, each with a port of its own, or behind one port with `--workers`."""

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.api import register, sign_in
from tests.support.postgresql import PostgreSQL
from tests.support.redis import OwnRedis
from tests.support.server import Server, running_server, running_servers

SECRETS = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET}


@pytest.fixture(params=("sqlite", "postgresql", "redis"))
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The settings by which servers share what they know."""
    if request.param == "sqlite":
        return SECRETS | {"DATABASE_URL": f"sqlite:///{tmp_path}/shared.db"}
    postgresql: PostgreSQL = request.getfixturevalue("postgresql")
    settings = SECRETS | {"DATABASE_URL": postgresql.new_empty_database()}
    if request.param == "redis":
        redis: OwnRedis = request.getfixturevalue("redis")
        settings["RATE_LIMIT_STORAGE_URI"] = redis.uri
    return settings


async def test_three_servers_that_start_together_share_one_limit(shared: dict[str, str], tmp_path: Path) -> None:
    with running_servers(tmp_path, 3, **shared) as servers:
        clients = [server.async_client() for server in servers]
        await register(clients[0])
        wrong = {"username": "alice", "password": "not the password"}
        answers = await asyncio.gather(*(clients[n % 3].post("/login", json=wrong) for n in range(40)))
        assert Counter(answer.status_code for answer in answers) == {401: 10, 429: 30}
        for client in clients:
            await client.aclose()


async def test_a_logout_on_one_server_reaches_the_other(shared: dict[str, str], tmp_path: Path) -> None:
    with running_servers(tmp_path, 2, RATE_LIMIT_ENABLED="false", **shared) as (one, another):
        async with one.async_client() as alice, another.async_client() as guest:
            await register(alice)
            for _ in range(20):
                await sign_in(alice)
                guest.headers["Authorization"] = alice.headers["authorization"]
                assert (await guest.get("/profile")).status_code == 200
                assert (await alice.post("/logout")).status_code == 200
                assert (await alice.get("/profile")).status_code == 401
                while (await guest.get("/profile")).status_code == 200:
                    pass


def workers_of(server: Server) -> list[psutil.Process]:
    """Those that live; the one besides them is of the multiprocessing library."""
    workers = []
    for child in psutil.Process(server.pid).children():
        with suppress(psutil.NoSuchProcess):  # it ended while we asked
            if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(child.cmdline()):
                workers.append(child)
    return workers


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    settings = {"WORKERS": "3", "RATE_LIMIT_ENABLED": "false", "METRICS_ENABLED": "true"}
    with running_server(tmp_path, **settings) as server:
        yield server


async def refresh_until_answered(client: httpx.AsyncClient) -> int:
    """As a client does whose connection breaks: it asks again with the token that it has."""
    while True:
        try:
            return (await client.post("/refresh")).status_code
        except httpx.TransportError:
            pass


async def test_a_worker_that_is_killed_costs_nobody_their_session(server: Server) -> None:
    clients = [server.async_client() for _ in range(12)]
    for n, client in enumerate(clients):
        await register(client, f"user{n}")
        await sign_in(client, f"user{n}")
    stop = asyncio.Event()

    async def storm(client: httpx.AsyncClient) -> set[int]:
        statuses = set()
        while not stop.is_set():
            statuses.add(await refresh_until_answered(client))
        return statuses

    storms = [asyncio.create_task(storm(client)) for client in clients]
    for _ in range(3):
        before = workers_of(server)
        os.kill(before[0].pid, signal.SIGKILL)
        while len({worker.pid for worker in workers_of(server)} - {worker.pid for worker in before}) < 1:
            await asyncio.sleep(0.01)
    stop.set()
    assert await asyncio.gather(*storms) == [{200}] * len(clients)
    for client in clients:
        assert await refresh_until_answered(client) == 200
        await client.aclose()


async def test_each_worker_answers_with_the_metrics_of_all_workers(server: Server) -> None:
    for _ in range(20):  # each on a connection of its own, so that all workers get some
        async with server.async_client() as client:
            await client.get("/")
    async with server.async_client() as client:
        text = (await client.get("/metrics")).text
    assert 'jwtapi_requests_total{method="GET",route="/",status="200"} 20.0' in text
    assert "jwtapi_hashes_pending 0.0" in text
    async with server.async_client() as client, asyncio.timeout(30):  # each looks once a second
        of_workers = workers_of(server)
        expected = {"process_max_fds", f"jwtapi_workers {len(of_workers)}.0"}
        while not all(part in text for part in expected):
            await asyncio.sleep(0.05)
            text = (await client.get("/metrics")).text
    numbers = dict(re.findall(r"^(\w+) (\S+)$", text, re.MULTILINE))
    assert float(numbers["jwtapi_workers"]) == len(of_workers)
    assert float(numbers["jwtapi_database_pool_size"]) % len(of_workers) == 0
    assert float(numbers["process_start_time_seconds"]) > min(worker.create_time() for worker in of_workers) - 1
    assert float(numbers["process_cpu_seconds_total"]) > 0
    assert text.count("jwtapi_build_info{") == 1
    assert "pid=" not in text


async def test_workers_are_replaced_one_by_one_without_a_failed_request(server: Server) -> None:
    before = {worker.pid for worker in workers_of(server)}
    os.kill(server.pid, signal.SIGHUP)
    async with server.async_client() as client:
        while before & {worker.pid for worker in workers_of(server)}:
            assert (await client.get("/")).status_code == 200
            assert "aborting the restart" not in (log := server.log.read_text()), log
            await asyncio.sleep(0.01)


def test_workers_end_with_their_parent(server: Server) -> None:
    workers = workers_of(server)
    server.kill()
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    server.start()
