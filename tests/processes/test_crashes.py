"""kill -9 in a loop while clients register, log in, refresh and log out."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx

from tests.support.api import PASSWORD
from tests.support.server import Server

CLIENTS = 6
CRASHES = 6
ROUNDS_BETWEEN_CRASHES = 25


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
