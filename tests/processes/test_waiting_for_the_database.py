import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.postgresql import OwnPostgreSQL, own_postgresql
from tests.support.server import JWTAPI, START_SECONDS, clean_environment, free_port

WAITING = "waiting for the database"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[OwnPostgreSQL]:
    with own_postgresql() as postgresql:
        postgresql.execute("CREATE ROLE app LOGIN PASSWORD 'right'")
        postgresql.ask_for_password("app")
        yield postgresql


@contextmanager
def running(folder: Path, *words: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = clean_environment(JWT_SECRET=JWT_SECRET, REFRESH_SECRET=REFRESH_SECRET, **settings)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([JWTAPI, *words], cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def test_a_server_waits_for_a_database_that_starts_later(postgresql: OwnPostgreSQL, tmp_path: Path) -> None:
    url, port = postgresql.new_empty_database(), free_port()
    postgresql.stop()
    with running(tmp_path, "serve", "--wait-for-database", DATABASE_URL=url, PORT=str(port)) as process:
        deadline = time.monotonic() + START_SECONDS
        while WAITING not in (tmp_path / "log").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        postgresql.start()
        status = 0
        while status != 200:
            assert process.poll() is None
            assert time.monotonic() < deadline
            try:
                status = httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).status_code
            except httpx.TransportError:
                time.sleep(0.02)
    log = (tmp_path / "log").read_text()
    causes = [line for line in log.splitlines() if WAITING in line]
    assert len(causes) == len({line.partition('"timestamp"')[0] for line in causes}) <= 3
    assert log.count("the database answers") == 1
    assert "Traceback" not in log


def test_a_server_that_waits_for_the_database_ends_at_sigterm(tmp_path: Path) -> None:
    url = "postgresql://app@127.0.0.1:1/nowhere"
    with running(tmp_path, "migrate", "--wait-for-database", DATABASE_URL=url) as process:
        while WAITING not in (tmp_path / "log").read_text():
            assert process.poll() is None
            time.sleep(0.02)
        process.terminate()
        assert process.wait(10) > 0  # and not by the signal, which a container's first process would not notice
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_server_does_not_wait_when_the_database_refuses_the_password(
    postgresql: OwnPostgreSQL, tmp_path: Path
) -> None:
    url = postgresql.new_database().replace("postgres:@", "app:hunter2@")
    with running(tmp_path, "migrate", "--wait-for-database", DATABASE_URL=url) as process:
        assert process.wait(START_SECONDS) == 1
    log = (tmp_path / "log").read_text()
    assert "InvalidPasswordError" in log
    assert WAITING not in log
