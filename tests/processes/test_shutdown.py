"""SIGTERM while requests are in flight."""

import asyncio
import signal
from pathlib import Path

import httpx

from tests.support.server import Server


async def test_requests_in_flight_are_finished(tmp_path: Path) -> None:
    server = Server(tmp_path, BCRYPT_ROUNDS="12", RATE_LIMIT_ENABLED="false", METRICS_ENABLED="true")
    server.start()
    async with httpx.AsyncClient(base_url=server.base_url, timeout=30, trust_env=False) as client:
        logins = [
            asyncio.create_task(client.post("/login", json={"username": f"user{n}", "password": "x"})) for n in range(8)
        ]
        pending = ""
        while "jwtapi_hashes_pending 8.0" not in pending:
            pending = (await client.get("/metrics")).text
        exit_code = await asyncio.to_thread(server.stop, signal.SIGTERM)
        assert [login.status_code for login in await asyncio.gather(*logins)] == [401] * 8
    assert exit_code == 0
    assert "Traceback" not in server.log.read_text()
