"""PostgreSQL is stopped, frozen and restarted while clients work."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from uuid import uuid4

import httpx
import pytest

from tests.support.api import PASSWORD
from tests.support.postgresql import OwnPostgreSQL, own_postgresql
from tests.support.server import Server, running_server

CLIENTS = 4
MOST_SECONDS = 5
"""Within which any request is answered, whatever the database does."""


@pytest.fixture(scope="module")
def postgresql() -> Iterator[OwnPostgreSQL]:
    with own_postgresql() as postgresql:
        yield postgresql


@pytest.fixture
def server(postgresql: OwnPostgreSQL, tmp_path: Path) -> Iterator[Server]:
    settings = {"DATABASE_URL": postgresql.new_database(), "LOGIN_RATE_LIMIT": "1000000/minute"}
    with running_server(tmp_path, LOG_FORMAT="json", **settings) as server:
        yield server


@dataclass
class Witness:
    """A client that registers, signs in and refreshes, and notes what it was promised and how often refused."""

    server: Server
    registered: list[str] = field(default_factory=list)
    refusals: int = 0
    slowest: float = 0
    faults: list[str] = field(default_factory=list)

    def work(self, stop: threading.Event) -> None:
        with self.server.client() as client:
            while not stop.is_set():
                name = f"user{uuid4().hex[:12]}"
                credentials = {"username": name, "password": PASSWORD}
                # 409: the answer said 503, and the commit had come through after all.
                if self._ask(client, "/register", credentials, {201, 409}):
                    self.registered.append(name)
                    if self._ask(client, "/login", credentials, {200}):
                        self._ask(client, "/refresh", None, {200})

    def _ask(self, client: httpx.Client, path: str, body: dict[str, str] | None, expected: set[int]) -> bool:
        started = time.monotonic()
        response = client.post(path, json=body)
        self.slowest = max(self.slowest, time.monotonic() - started)
        if response.status_code == 503 and response.headers["retry-after"].isdigit():
            self.refusals += 1
        elif response.status_code not in expected:
            self.faults.append(f"{path}: {response.status_code} {response.text}")
        return response.status_code in expected


class Load:
    def __init__(self, server: Server) -> None:
        self.witnesses = [Witness(server) for _ in range(CLIENTS)]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=witness.work, args=(self._stop,)) for witness in self.witnesses]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def until_all_go_on(self) -> None:
        goals = [len(witness.registered) + 5 for witness in self.witnesses]
        self._until(lambda: all(len(w.registered) >= goal for w, goal in zip(self.witnesses, goals, strict=True)))

    def until_all_are_refused(self) -> None:
        goals = [witness.refusals + 2 for witness in self.witnesses]
        self._until(lambda: all(w.refusals >= goal for w, goal in zip(self.witnesses, goals, strict=True)))

    def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            assert all(thread.is_alive() for thread in self._threads)
            self._stop.wait(0.01)


def assert_that_nothing_was_lost(load: Load, server: Server) -> None:
    assert [witness.faults for witness in load.witnesses] == [[]] * CLIENTS
    with server.client() as client:
        for witness in load.witnesses:
            for name in witness.registered:
                assert client.post("/login", json={"username": name, "password": PASSWORD}).status_code == 200
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("how", ("stopped", "frozen"))
def test_a_database_outage_is_a_503_in_bounded_time_and_ends_without_a_restart(
    server: Server, postgresql: OwnPostgreSQL, how: str
) -> None:
    with Load(server) as load:
        load.until_all_go_on()
        (postgresql.stop if how == "stopped" else postgresql.freeze)()
        load.until_all_are_refused()
        (postgresql.start if how == "stopped" else postgresql.thaw)()
        load.until_all_go_on()
    assert_that_nothing_was_lost(load, server)
    assert max(witness.slowest for witness in load.witnesses) < MOST_SECONDS


def test_restarts_of_the_database_under_load_lose_no_answered_change(server: Server, postgresql: OwnPostgreSQL) -> None:
    with Load(server) as load:
        for _ in range(3):
            load.until_all_go_on()
            postgresql.stop()
            postgresql.start()
        load.until_all_go_on()
    assert_that_nothing_was_lost(load, server)


def test_an_access_token_is_refused_while_its_session_cannot_be_read(server: Server, postgresql: OwnPostgreSQL) -> None:
    with server.client() as client:
        credentials = {"username": "alice", "password": PASSWORD}
        client.post("/register", json=credentials)
        token = client.post("/login", json=credentials).json()["accessToken"]
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get("/profile").status_code == 200
        postgresql.freeze()
        # What is remembered is good for the seconds in which a change would still have been heard of.
        statuses = [client.get("/profile").status_code]
        while statuses[-1] == 200:
            statuses.append(client.get("/profile").status_code)
        assert statuses[-1] == 503
        assert client.get("/health/live").status_code == 200
        postgresql.thaw()
        while client.get("/profile").status_code == 503:
            pass
        assert client.get("/profile").json() == {"username": "alice"}
