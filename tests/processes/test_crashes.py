"""kill -9 in a loop while clients register, log in, refresh and log out."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import jwt
import psutil
import pytest

from tests.support.api import PASSWORD
from tests.support.server import Server, running_server

CLIENTS = 6
CRASHES = 6
ROUNDS_BETWEEN_CRASHES = 25

BUSY_CLIENTS = 16
BUSY_CRASHES = 3
REGISTRATIONS_BETWEEN_CRASHES = 200


@dataclass
class Witness:
    """A client that insists on an answer, as good clients do, and remembers what it was answered."""

    server: Server
    registered: list[dict[str, str]] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)
    """The newest refresh tokens of live sessions."""
    signed_out: list[str] = field(default_factory=list)
    repeats: int = 0

    def work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            with self.server.client() as client:
                self._live_a_session(client)

    def _live_a_session(self, client: httpx.Client) -> None:
        credentials = {"username": f"user{uuid4().hex[:12]}", "password": PASSWORD}
        # 409: the answer to the first try was lost, the account was not.
        self._insist(client, "/register", {201, 409}, credentials)
        self.registered.append(credentials)
        self._insist(client, "/login", {200}, credentials)
        for _ in range(3):
            # Where the kill swallowed the answer, the used token gets it again.
            self._insist(client, "/refresh", {200})
        token = client.cookies["refreshToken"]
        if len(self.registered) % 2:
            self._insist(client, "/logout", {200})
            self.signed_out.append(token)
        else:
            self.signed_in.append(token)

    def _insist(self, client: httpx.Client, path: str, expected: set[int], body: dict[str, str] | None = None) -> None:
        while True:
            try:
                status = client.post(path, json=body).status_code
            except httpx.TransportError:
                self.repeats += 1
                time.sleep(0.05)  # as a client would; there is nothing to await until the server is back
            else:
                assert status in expected, (path, status)
                return


def refresh(server: Server, token: str) -> int:
    with server.client() as client:
        return client.post("/refresh", headers={"Cookie": f"refreshToken={token}"}).status_code


def test_after_a_crash_every_answered_change_is_there_and_every_session_works(tmp_path: Path) -> None:
    server = Server(tmp_path, RATE_LIMIT_ENABLED="false", LOG_FORMAT="json")
    server.start()
    witnesses = [Witness(server) for _ in range(CLIENTS)]
    stop = threading.Event()
    threads = [threading.Thread(target=witness.work, args=(stop,)) for witness in witnesses]
    for thread in threads:
        thread.start()
    for crash in range(1, CRASHES + 1):
        while sum(len(witness.registered) for witness in witnesses) < crash * ROUNDS_BETWEEN_CRASHES:
            assert all(thread.is_alive() for thread in threads)
            stop.wait(0.01)
        server.kill()
        server.start()
    stop.set()
    for thread in threads:
        thread.join()
    assert sum(witness.repeats for witness in witnesses) >= CRASHES
    for witness in witnesses:
        assert {refresh(server, token) for token in witness.signed_in} == {200}
        assert {refresh(server, token) for token in witness.signed_out} == {403}
        for credentials in witness.registered:
            with server.client() as client:
                assert client.post("/login", json=credentials).status_code == 200
    server.stop()
    assert "Traceback" not in server.log.read_text()


@dataclass
class BusyClient:
    """A client that refreshes and registers without a pause, and remembers what it was answered."""

    server: Server
    token: str
    registered: list[dict[str, str]]
    refreshes: int = 0

    def work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                with self.server.client() as client:
                    while not stop.is_set():
                        self._refresh(client)
                        self._register(client)
            except httpx.TransportError:
                stop.wait(0.05)  # until the server is back

    def session_and_generation(self) -> tuple[UUID, int]:
        """Return those of the last token that was answered."""
        claims = jwt.decode(self.token, options={"verify_signature": False})
        return UUID(claims["sid"]), claims["gen"]

    def _refresh(self, client: httpx.Client) -> None:
        client.cookies.clear()
        response = client.post("/refresh", headers={"Cookie": f"refreshToken={self.token}"})
        assert response.status_code == 200, response.text
        self.token = response.cookies["refreshToken"]
        self.refreshes += 1

    def _register(self, client: httpx.Client) -> None:
        credentials = {"username": f"user{uuid4().hex[:12]}", "password": PASSWORD}
        response = client.post("/register", json=credentials)
        assert response.status_code == 201, response.text
        self.registered.append(credentials)


def sign_up(server: Server) -> BusyClient:
    credentials = {"username": f"user{uuid4().hex[:12]}", "password": PASSWORD}
    with server.client() as client:
        assert client.post("/register", json=credentials).status_code == 201
        assert client.post("/login", json=credentials).status_code == 200
        return BusyClient(server, client.cookies["refreshToken"], [credentials])


def kill_all(server: Server) -> None:
    """Kill the server and its workers, and wait until they have ended."""
    processes = psutil.Process(server.pid).children(recursive=True)
    server.kill()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes)


@contextmanager
def at_work(clients: list[BusyClient]) -> Iterator[list[threading.Thread]]:
    stop = threading.Event()
    threads = [threading.Thread(target=client.work, args=(stop,)) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("workers", ("1", "2"))
def test_a_crash_in_the_middle_of_many_writes_loses_nothing_that_was_answered(tmp_path: Path, workers: str) -> None:
    with running_server(tmp_path, RATE_LIMIT_ENABLED="false", WORKERS=workers) as server:
        clients = [sign_up(server) for _ in range(BUSY_CLIENTS)]
        with at_work(clients) as threads:
            for crash in range(1, BUSY_CRASHES + 1):
                while sum(len(client.registered) for client in clients) < crash * REGISTRATIONS_BETWEEN_CRASHES:
                    assert all(thread.is_alive() for thread in threads)
                    time.sleep(0.01)
                kill_all(server)
                assert_that_nothing_is_lost(tmp_path / "jwtapi.db", clients)
                server.start()
        for client in clients:
            assert client.refreshes > BUSY_CRASHES
            assert refresh(server, client.token) == 200
            with server.client() as another:
                assert another.post("/login", json=client.registered[-1]).status_code == 200
    assert "Traceback" not in server.log.read_text()


def assert_that_nothing_is_lost(path: Path, clients: list[BusyClient]) -> None:
    with closing(sqlite3.connect(path)) as database:
        names = {name for (name,) in database.execute("SELECT username FROM users")}
        generations = {UUID(id_): number for id_, number in database.execute("SELECT id, generation FROM sessions")}
    for client in clients:
        session_id, generation = client.session_and_generation()
        assert generations[session_id] >= generation
        assert {credentials["username"] for credentials in client.registered} <= names
