"""SIGTERM while requests are in flight and more arrive."""

import asyncio
import signal
from pathlib import Path

import httpx
import pytest

from tests.support.server import Server

MOST_SECONDS = 10


async def go_on_asking(server: Server) -> set[int]:
    """Send requests until no connection is taken any more."""
    statuses = set()
    async with server.async_client() as client:
        while True:
            try:
                statuses.add((await client.get("/")).status_code)
            except httpx.ConnectError:
                return statuses
            except httpx.TransportError:
                pass  # an idle connection was closed at the moment when the request was sent


@pytest.mark.parametrize("workers", ("1", "2"))
async def test_requests_in_flight_are_finished(tmp_path: Path, workers: str) -> None:
    settings = {"WORKERS": workers, "BCRYPT_ROUNDS": "12", "RATE_LIMIT_ENABLED": "false", "METRICS_ENABLED": "true"}
    server = Server(tmp_path, **settings)
    server.start()
    clients = [server.async_client() for _ in range(8)]
    logins = [
        asyncio.create_task(client.post("/login", json={"username": f"user{n}", "password": "x"}))
        for n, client in enumerate(clients)
    ]
    async with server.async_client() as client:
        pending = ""
        while "jwtapi_hashes_pending 8.0" not in pending:
            pending = (await client.get("/metrics")).text
    load = [asyncio.create_task(go_on_asking(server)) for _ in range(4)]
    exit_code = await asyncio.to_thread(server.stop, signal.SIGTERM, MOST_SECONDS)
    assert [login.status_code for login in await asyncio.gather(*logins)] == [401] * 8
    assert set().union(*await asyncio.gather(*load)) <= {200}
    assert exit_code == 0
    assert "Traceback" not in server.log.read_text()
    for client in clients:
        await client.aclose()
