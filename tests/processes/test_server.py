"""What the other tests of this folder rely on when a server does not start."""

import sys
from pathlib import Path

import psutil
import pytest

from tests.support import server
from tests.support.server import Server, running_servers

SILENT = (sys.executable, "-c", "import time; time.sleep(600)")


def test_no_process_is_left_of_a_server_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "START_SECONDS", 0.1)
    silent = Server(tmp_path, SILENT)
    with pytest.raises(AssertionError, match="not up"):
        silent.start()
    assert not psutil.pid_exists(silent.pid)


def test_of_servers_that_start_together_none_is_left_if_one_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Server] = []

    def start(each: Server) -> None:
        start_one(each)
        started.append(each)
        assert each is not started[0], "it failed"

    start_one = Server.start
    monkeypatch.setattr(Server, "start", start)
    monkeypatch.setattr(Server, "_await_answer", lambda *_: None)
    with pytest.raises(AssertionError, match="it failed"), running_servers(tmp_path, 2):
        pass
    assert [psutil.pid_exists(each.pid) for each in started] == [False, False]
