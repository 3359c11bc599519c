import resource
import socket
import time
from pathlib import Path

import psutil

from jwtapi.open_files import NEEDED
from tests.support.server import START_SECONDS, Server, running_server

USED_UP, OVER = "no file can be opened", "files can be opened again"


def await_line(server: Server, text: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while text not in server.log.read_text():
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.02)


def test_the_limit_of_open_files_is_raised_and_reaching_it_is_logged(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with running_server(tmp_path) as server:
            process = psutil.Process(server.pid)
            assert process.rlimit(psutil.RLIMIT_NOFILE)[0] == (min(NEEDED, hard) if hard > 0 else NEEDED)
            process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 5, hard))
            connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
            await_line(server, USED_UP)
            for connection in connections:
                connection.close()
            await_line(server, OVER)
            with server.client() as client:
                assert client.get("/health/live").status_code == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
