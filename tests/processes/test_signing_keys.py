"""Signing keys with real servers."""

import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.server import running_server, running_servers

PASSWORD = "correct horse battery staple"


def settings(url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "JWT_SECRET": JWT_SECRET,
        "REFRESH_SECRET": REFRESH_SECRET,
        "SIGNING_ALGORITHM": "ES256",
        "WORKERS": "2",
        "RATE_LIMIT_ENABLED": "false",
    }


def published(client: httpx.Client) -> list[str]:
    return [key["kid"] for key in client.get("/.well-known/jwks.json").json()["keys"]]


def until(condition: Callable[[], bool]) -> float:
    """Return the seconds until the condition holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + 10
        time.sleep(0.002)
    return time.monotonic() - began


def test_workers_that_start_together_make_one_key_and_each_refuses_it_when_a_command_has_revoked_it(
    tmp_path: Path, database_url: str
) -> None:
    with running_servers(tmp_path, 2, **settings(database_url)) as servers:
        one, other = (server.client() for server in servers)
        with one, other:
            for _ in range(8):  # each worker answers some of them
                assert published(one) == published(other)
            (kid,) = published(one)
            one.post("/register", json={"username": "alice", "password": PASSWORD})
            token = one.post("/login", json={"username": "alice", "password": PASSWORD}).json()["accessToken"]
            bearer = {"Authorization": f"Bearer {token}"}
            for client in (one, other) * 4:
                assert client.get("/profile", headers=bearer).status_code == 200
            servers[0].run("keys", "revoke", "--yes", "--", kid)
            revoked_at = time.monotonic()
            statuses = [client.get("/profile", headers=bearer).status_code for client in (one, other) * 20]
            until(lambda: time.monotonic() > revoked_at + 0.1)
            late = [client.get("/profile", headers=bearer).status_code for client in (one, other) * 20]
            assert set(statuses) <= {200, 401}
            assert set(late) == {401}
            until(lambda: kid not in published(one) + published(other))
            renewed = one.post("/refresh")
            assert renewed.status_code == 200
            bearer = {"Authorization": f"Bearer {renewed.json()['accessToken']}"}
            assert {client.get("/profile", headers=bearer).status_code for client in (one, other) * 8} == {200}


def test_commands_that_rotate_at_the_same_time_make_one_key(tmp_path: Path, database_url: str) -> None:
    with running_server(tmp_path / "server", **settings(database_url) | {"WORKERS": "1"}) as server:
        start = threading.Barrier(2)

        def rotate(_: int) -> bool:
            start.wait()
            try:
                server.run("keys", "rotate")
            except subprocess.CalledProcessError:  # the other one was quicker
                return False
            return True

        with ThreadPoolExecutor(2) as threads:
            assert sorted(threads.map(rotate, range(2))) == [False, True]
        with server.client() as client:
            until(lambda: len(published(client)) == 2)


@pytest.mark.parametrize("database_url", ("postgresql",), indirect=True)
def test_during_three_rotations_under_load_every_server_accepts_every_token(tmp_path: Path, database_url: str) -> None:
    quick = settings(database_url) | {"SIGNING_KEY_PREPUBLISH": "1", "WORKERS": "1"}
    with running_servers(tmp_path, 2, **quick) as servers, servers[0].client() as one, servers[1].client() as other:
        one.post("/register", json={"username": "alice", "password": PASSWORD})
        is_over = threading.Event()
        refusals: list[str] = []
        used: set[str] = set()

        def use(signer: httpx.Client, checker: httpx.Client) -> None:
            signer.post("/login", json={"username": "alice", "password": PASSWORD})
            while not is_over.is_set():
                token = signer.post("/refresh").json()["accessToken"]
                used.add(token.partition(".")[0])
                answer = checker.get("/profile", headers={"Authorization": f"Bearer {token}"})
                if answer.status_code != 200:
                    refusals.append(answer.text)

        with ThreadPoolExecutor(2) as threads:
            loads = [threads.submit(use, one, other), threads.submit(use, other, one)]
            for number in range(2, 5):
                servers[0].run("keys", "rotate")
                until(lambda number=number: len(used) >= number)  # type: ignore[misc]
            is_over.set()
            for load in loads:
                load.result()
        assert refusals == []
        assert len(used) == 4
