"""`/metrics` on a port or a socket file of its own."""

import json
import os
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.processes.test_many_workers import workers_of
from tests.support.server import JWTAPI, Server, clean_environment, free_port, running_server

COUNTED = 'jwtapi_requests_total{method="GET",route="/health/live",status="200"}'


def metrics_at(address: str) -> httpx.Client:
    path = address.removeprefix("unix:")
    if path == address:
        return httpx.Client(base_url=f"http://{address}", trust_env=False, timeout=30)
    return httpx.Client(transport=httpx.HTTPTransport(uds=path), base_url="http://metrics", trust_env=False)


@pytest.fixture(params=("ipv4", "ipv6", "socket file"))
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    match request.param:
        case "ipv4":
            return f"127.0.0.1:{free_port()}"
        case "ipv6":
            return f"[::1]:{free_port()}"
        case _:
            return f"unix:{tmp_path}/metrics.sock"


@pytest.mark.parametrize("workers", (1, 3))
def test_metrics_are_served_at_metrics_listen_alone(address: str, workers: int, tmp_path: Path) -> None:
    with running_server(tmp_path / "server", METRICS_LISTEN=address, WORKERS=str(workers)) as server:
        for _ in range(20):  # each on a connection of its own, so that all workers get some
            with server.client() as client:
                client.get("/health/live")
        with server.client() as client, metrics_at(address) as prometheus:
            assert client.get("/metrics").status_code == 404
            answer = prometheus.get("/metrics")
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            (count,) = (line for line in answer.text.splitlines() if line.startswith(COUNTED))
            assert float(count.split()[-1]) >= 20
            assert prometheus.head("/metrics").status_code == 200
            for method, path in (("GET", "/"), ("GET", "/profile"), ("POST", "/metrics"), ("GET", "/metrics%0a")):
                assert prometheus.request(method, path).json() == {"message": "Not Found", "code": "not_found"}


def test_metrics_are_served_when_any_of_the_workers_dies(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with running_server(tmp_path, METRICS_LISTEN=address, WORKERS="2") as server:
        first = workers_of(server)
        for worker in first:
            os.kill(worker.pid, signal.SIGKILL)
        psutil.wait_procs(first, timeout=10)
        with metrics_at(address) as prometheus:
            assert prometheus.get("/metrics").status_code == 200


def test_the_socket_file_of_metrics_is_for_owner_and_group_and_is_removed_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    server = Server(tmp_path / "server", METRICS_LISTEN=f"unix:{path}")
    server.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    server.kill()
    assert path.is_socket()
    server.start()
    with metrics_at(f"unix:{path}") as prometheus:
        assert prometheus.get("/metrics").status_code == 200
    server.stop()
    assert not path.exists()


@pytest.mark.parametrize("kind", ("port", "socket file", "file", "no folder", "no address"))
def test_a_metrics_listen_that_cannot_be_used_is_reported_in_one_line(tmp_path: Path, kind: str) -> None:
    taken = tmp_path / "taken"
    with socket.socket() as port, socket.socket(socket.AF_UNIX) as file:
        port.bind(("127.0.0.1", 0))
        port.listen()
        match kind:
            case "port":
                address = f"127.0.0.1:{port.getsockname()[1]}"
            case "socket file":
                file.bind(str(taken))
                file.listen()
                address = f"unix:{taken}"
            case "file":
                taken.write_text("precious")
                address = f"unix:{taken}"
            case "no folder":
                address = f"unix:{tmp_path}/none/metrics.sock"
            case _:
                address = f"192.0.2.1:{free_port()}"
        settings = {"PORT": str(free_port()), "METRICS_LISTEN": address, "WORKERS": "2"}
        start = subprocess.run(
            [JWTAPI, "serve"],
            cwd=tmp_path,
            env=clean_environment(**settings),
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert start.returncode == 1
    assert json.loads(start.stderr.splitlines()[-1])["problems"][0].startswith("METRICS_LISTEN: cannot listen there: ")
    assert "Traceback" not in start.stderr
    assert kind != "file" or taken.read_text() == "precious"


def test_an_idle_client_of_metrics_listen_does_not_delay_the_end_of_the_server(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with running_server(tmp_path, METRICS_LISTEN=address) as server, socket.socket() as idle:
        idle.connect(("127.0.0.1", int(address.rpartition(":")[2])))
        before = time.monotonic()
        server.stop()
        assert time.monotonic() - before < 5
