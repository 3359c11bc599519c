"""kill -9 in a loop while clients register, log in, refresh and log out."""

import threading
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
    """A client that remembers what it was answered, and what is to be had for it afterwards."""

    base_url: str
    registered: set[str] = field(default_factory=set)
    signed_in: dict[str, str] = field(default_factory=dict)
    """The newest refresh token that a live session's client holds, by user."""
    signed_out: list[str] = field(default_factory=list)
    rounds: int = 0

    def work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            # A new connection each time: the server at the other end may be another than a moment ago.
            with httpx.Client(base_url=self.base_url, timeout=10, trust_env=False) as client:
                try:
                    self._round(client)
                except httpx.TransportError:
                    stop.wait(0.02)
                else:
                    self.rounds += 1

    def _round(self, client: httpx.Client) -> None:
        credentials = {"username": f"user{uuid4().hex[:12]}", "password": PASSWORD}
        name = credentials["username"]
        self._expect(client.post("/register", json=credentials), 201)
        self.registered.add(name)
        self._expect(client.post("/login", json=credentials), 200)
        self.signed_in[name] = client.cookies["refreshToken"]
        for _ in range(2):
            self._expect(client.post("/refresh"), 200)
            self.signed_in[name] = client.cookies["refreshToken"]
        if self.rounds % 2:
            # Should the answer be lost, the session may be over or not: it is no longer held to be alive.
            token = self.signed_in.pop(name)
            self._expect(client.post("/logout"), 200)
            self.signed_out.append(token)

    @staticmethod
    def _expect(response: httpx.Response, status: int) -> None:
        assert response.status_code == status, response.text


def refresh(base_url: str, token: str) -> int:
    return httpx.post(f"{base_url}/refresh", cookies={"refreshToken": token}, trust_env=False).status_code


def test_what_was_answered_survives_and_no_session_is_stuck(tmp_path: Path) -> None:
    server = Server(tmp_path, RATE_LIMIT_ENABLED="false", LOG_FORMAT="json")
    server.start()
    witnesses = [Witness(server.base_url) for _ in range(CLIENTS)]
    stop = threading.Event()
    threads = [threading.Thread(target=witness.work, args=(stop,)) for witness in witnesses]
    for thread in threads:
        thread.start()
    try:
        for crash in range(1, CRASHES + 1):
            while sum(witness.rounds for witness in witnesses) < crash * ROUNDS_BETWEEN_CRASHES:
                assert any(thread.is_alive() for thread in threads)
                stop.wait(0.01)
            server.kill()
            server.start()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert sum(witness.rounds for witness in witnesses) >= CRASHES * ROUNDS_BETWEEN_CRASHES
    for witness in witnesses:
        for name in witness.registered:
            login = httpx.post(
                f"{server.base_url}/login", json={"username": name, "password": PASSWORD}, trust_env=False
            )
            assert login.status_code == 200
        # Also where the kill swallowed the answer to a refresh: within the grace the client gets it again.
        assert {refresh(server.base_url, token) for token in list(witness.signed_in.values())[-3:]} <= {200}
        assert {refresh(server.base_url, token) for token in witness.signed_out} <= {403}
    assert "Traceback" not in server.log.read_text()
    server.stop()
