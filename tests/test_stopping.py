import threading

import pytest
import uvicorn

from jwtapi.stopping import Worker


def test_a_worker_has_its_server_before_it_answers_health_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()
    servers = []

    def answer(worker: Worker) -> None:
        servers.append(worker._server)  # noqa: SLF001  the property would make it
        asked.set()

    monkeypatch.setattr(Worker, "always_pong", answer)
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, _: servers.append(server))
    worker = Worker(uvicorn.Config("none"), [])
    worker.target()
    asked.wait(10)
    assert servers[0] is servers[1] is worker.server
