"""PostgreSQL becomes a standby, or its disk fills up, while a server runs on it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.processes.test_full_disk import fill
from tests.support.api import PASSWORD
from tests.support.postgresql import OwnPostgreSQL, own_postgresql
from tests.support.server import await_readiness, running_server

CREDENTIALS = {"username": "alice", "password": PASSWORD}


@pytest.fixture(scope="module")
def postgresql() -> Iterator[OwnPostgreSQL]:
    with own_postgresql() as postgresql:
        yield postgresql


def status_of_login(client: httpx.Client) -> int:
    return client.post("/login", json=CREDENTIALS).status_code


def test_on_a_standby_a_server_is_not_ready_until_it_is_promoted(postgresql: OwnPostgreSQL, tmp_path: Path) -> None:
    with running_server(tmp_path, DATABASE_URL=postgresql.new_database()) as server, server.client() as client:
        client.post("/register", json=CREDENTIALS)
        await_readiness(client, 200)
        postgresql.turn_into_standby()
        for _ in range(3):
            await_readiness(client, 503)
        assert status_of_login(client) == 503
        postgresql.promote()
        await_readiness(client, 200)
        assert status_of_login(client) == 200
    log = server.log.read_text()
    assert "Traceback" not in log
    assert log.count("cannot execute INSERT in a read-only transaction") == 2  # once for readiness, once for the login
    assert log.count("the database is ready again") == 1


@pytest.fixture
def small_disk() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    with TemporaryDirectory(prefix="tablespace-") as folder:
        Path(folder).chmod(0o755)
        disk = Path(folder) / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], check=False)  # noqa: S607
        if mounted.returncode != 0:
            pytest.skip("this machine lets nobody mount a small file system")
        yield disk
        subprocess.run(["umount", "--lazy", disk], check=True)  # noqa: S607


def test_on_a_full_disk_a_server_is_not_ready(postgresql: OwnPostgreSQL, small_disk: Path, tmp_path: Path) -> None:
    shutil.chown(small_disk, postgresql.user)
    postgresql.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    url = postgresql.new_database(tablespace="small")
    with running_server(tmp_path, DATABASE_URL=url) as server, server.client() as client:
        await_readiness(client, 200)
        fill(small_disk / "ballast")
        await_readiness(client, 503)
        assert "No space left on device" in server.log.read_text()
        (small_disk / "ballast").unlink()
        await_readiness(client, 200)
    postgresql.drop_databases()
