"""How often a server with SQLite waits for the disk, as strace sees it."""

import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.api import PASSWORD
from tests.support.server import SERVE, START_SECONDS, Server, running_server

STRACE = shutil.which("strace") or ""
# With -D the server stays our child, and strace traces it from aside.
TRACE = (STRACE, "-D", "-f", "-e", "trace=fsync,fdatasync", "-o")
CLIENTS = 16
REFRESHES = 30


def can_trace() -> bool:
    """Return whether strace is installed and may trace, which some containers do not permit."""
    return bool(STRACE) and subprocess.run((*TRACE, "/dev/null", "true"), check=False, timeout=30).returncode == 0


pytestmark = pytest.mark.skipif(not can_trace(), reason="strace is not installed, or may not trace")


def fsyncs(trace: Path) -> int:
    return len([line for line in trace.read_text().splitlines() if "sync(" in line])


def signed_in(server: Server) -> httpx.Client:
    client = server.client()
    assert client.post("/login", json={"username": "alice", "password": PASSWORD}).status_code == 200
    return client


def test_each_answered_refresh_is_on_the_disk_and_simultaneous_ones_share_the_wait_for_it(tmp_path: Path) -> None:
    trace = tmp_path / "strace.txt"
    with running_server(tmp_path / "server", (*TRACE, trace, *SERVE), RATE_LIMIT_ENABLED="false") as server:
        with server.client() as client:
            assert client.post("/register", json={"username": "alice", "password": PASSWORD}).status_code == 201
        clients = [signed_in(server) for _ in range(CLIENTS)]

        def refresh(client: httpx.Client) -> None:
            for _ in range(REFRESHES):
                assert client.post("/refresh").status_code == 200

        before = fsyncs(trace)
        refresh(clients[0])
        deadline = time.monotonic() + START_SECONDS
        while fsyncs(trace) < before + REFRESHES:  # strace may write a little later
            assert time.monotonic() < deadline, "an answer did not wait for the disk"
            time.sleep(0.01)

        before = fsyncs(trace)
        with ThreadPoolExecutor(CLIENTS) as threads:
            list(threads.map(refresh, clients))
        assert REFRESHES <= fsyncs(trace) - before < CLIENTS * REFRESHES
        for client in clients:
            client.close()
