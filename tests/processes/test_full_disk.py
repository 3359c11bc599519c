"""The disk under SQLite is full: what would write is refused, what only reads goes on, and nothing is lost."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.api import PASSWORD
from tests.support.server import await_readiness, running_server

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=False)  # noqa: S607
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount a small file system")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)  # noqa: S607


def register(client: httpx.Client, name: str) -> httpx.Response:
    return client.post("/register", json={"username": name, "password": PASSWORD})


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"0" * 512)
        except OSError:
            return


def test_on_a_full_disk_writes_are_refused_and_reads_work(small_disk: Path, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": f"sqlite:///{small_disk}/jwtapi.db", "RATE_LIMIT_ENABLED": "false"}
    with running_server(tmp_path, **settings) as server, server.client() as client:
        registered: list[str] = []
        assert register(client, "alice").status_code == 201
        token = client.post("/login", json={"username": "alice", "password": PASSWORD}).json()["accessToken"]
        client.headers["Authorization"] = f"Bearer {token}"
        ballast = small_disk / "ballast"
        fill(ballast)
        # The log of the database may have a little room left.
        while (response := register(client, f"user{len(registered)}")).status_code == 201:
            registered.append(f"user{len(registered)}")
        assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
        assert response.headers["retry-after"].isdigit()
        assert client.post("/login", json={"username": "alice", "password": PASSWORD}).status_code == 503
        assert client.get("/profile").json() == {"username": "alice"}
        assert client.get("/api/settings").json() == {}
        await_readiness(client, 503)
        ballast.unlink()
        await_readiness(client, 200)
        assert register(client, "after").status_code == 201
        for name in ("alice", *registered, "after"):
            assert client.post("/login", json={"username": name, "password": PASSWORD}).status_code == 200
    with sqlite3.connect(small_disk / "jwtapi.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert "Traceback" not in server.log.read_text()
