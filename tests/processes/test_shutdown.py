"""SIGTERM while requests are in flight and more arrive, with and without a drain; and signals that end nothing."""

import asyncio
import fcntl
import os
import pty
import signal
import socket
import subprocess
import termios
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.server import JWTAPI, START_SECONDS, Server, await_readiness, clean_environment, free_port

MOST_SECONDS = 10


async def go_on_asking(server: Server) -> set[int]:
    """Send requests until no connection is taken any more."""
    statuses = set()
    async with server.async_client() as client:
        while True:
            try:
                statuses.add((await client.get("/")).status_code)
            except httpx.ConnectError:
                return statuses
            except httpx.ReadError:
                pass  # the connection waited to be accepted


@pytest.mark.parametrize("workers", ("1", "2"))
async def test_a_stopping_server_finishes_the_requests_in_flight(tmp_path: Path, workers: str) -> None:
    settings = {"WORKERS": workers, "BCRYPT_ROUNDS": "12", "RATE_LIMIT_ENABLED": "false", "METRICS_ENABLED": "true"}
    server = Server(tmp_path, **settings)
    server.start()
    clients = [server.async_client() for _ in range(8)]
    logins = [
        asyncio.create_task(client.post("/login", json={"username": f"user{n}", "password": "x"}))
        for n, client in enumerate(clients)
    ]
    async with server.async_client() as client:
        pending = ""
        while "jwtapi_hashes_pending 8.0" not in pending:
            pending = (await client.get("/metrics")).text
    load = [asyncio.create_task(go_on_asking(server)) for _ in range(4)]
    exit_code = await asyncio.to_thread(server.stop, signal.SIGTERM, MOST_SECONDS)
    assert [login.status_code for login in await asyncio.gather(*logins)] == [401] * 8
    assert set().union(*await asyncio.gather(*load)) <= {200}
    assert exit_code == 0
    assert "Traceback" not in server.log.read_text()
    for client in clients:
        await client.aclose()


@pytest.mark.parametrize("workers", ("1", "2"))
async def test_a_request_on_an_idle_connection_of_a_stopping_server_gets_the_last_response(
    tmp_path: Path, workers: str
) -> None:
    server = Server(tmp_path, WORKERS=workers)
    server.start()
    async with server.async_client() as client, server.async_client() as unused:
        assert "connection" not in (await client.get("/")).headers
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)  # sends nothing until the stop
        await unused.get("/")
        os.kill(server.pid, signal.SIGTERM)
        await asyncio.to_thread(await_refusal, ("127.0.0.1", server.port))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answers = [await client.get("/"), await unused.get("/")]
        assert [(answer.status_code, answer.headers["connection"]) for answer in answers] == [(200, "close")] * 2
        assert b"\r\nconnection: close\r\n" in await reader.read()
        writer.close()
    assert server.wait(MOST_SECONDS) == 0


def await_refusal(address: tuple[str, int]) -> None:
    with suppress(ConnectionRefusedError):
        while True:
            socket.create_connection(address).close()
            time.sleep(0.02)


@pytest.mark.parametrize("workers", ("1", "2"))
def test_a_stopping_server_takes_no_connection_while_it_finishes_requests(tmp_path: Path, workers: str) -> None:
    server = Server(tmp_path, WORKERS=workers)
    server.start()
    address = ("127.0.0.1", server.port)
    head = "POST /login HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 2\nExpect: 100-continue\n\n"
    with socket.create_connection(address) as in_flight:
        in_flight.sendall(head.replace("\n", "\r\n").encode())
        assert in_flight.recv(4096).startswith(b"HTTP/1.1 100 ")
        os.kill(server.pid, signal.SIGTERM)
        await_refusal(address)
        in_flight.sendall(b"{}")
        assert in_flight.recv(4096).startswith(b"HTTP/1.1 400 ")
    assert server.wait(MOST_SECONDS) == 0


def await_line(server: Server, text: str, count: int = 1) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.log.read_text().count(text) < count:
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.02)


@pytest.mark.parametrize("workers", (1, 2))
def test_a_draining_server_answers_requests_and_is_not_ready(tmp_path: Path, workers: int) -> None:
    server = Server(tmp_path, WORKERS=str(workers), DRAIN_SECONDS="600")
    server.start()
    processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]
    answering = [process for process in processes if workers == 1 or process.pid != server.pid][-workers:]
    await_line(server, "Application startup complete", workers)
    for process in answering:
        for signal_ in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
            process.send_signal(signal_)
    await_line(server, "this signal has no effect", 3 * workers)
    with server.client() as client:
        await_readiness(client, 200)
        assert "connection" not in client.get("/").headers
        os.kill(server.pid, signal.SIGTERM)
        await_line(server, "draining", workers)
        unready = client.get("/health/ready")
        assert (unready.status_code, unready.json()["code"]) == (503, "shutting_down")
        for path, status in (("/health/live", 200), ("/profile", 401)):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["connection"]) == (status, "close")
    assert server.stop(signal.SIGTERM, MOST_SECONDS) == 0
    assert {process.pid for process in answering if process.is_running()} == set()


@pytest.mark.parametrize("workers", ("1", "2"))
def test_a_draining_server_stops_after_the_seconds_of_the_setting(tmp_path: Path, workers: str) -> None:
    server = Server(tmp_path, WORKERS=workers, DRAIN_SECONDS="1")
    server.start()
    assert server.stop(signal.SIGTERM, MOST_SECONDS) == 0
    assert "draining" in server.log.read_text()


def test_a_server_ends_when_its_terminal_is_closed(tmp_path: Path) -> None:
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        [JWTAPI, "serve"],
        cwd=tmp_path,
        env=clean_environment(PORT=str(free_port())),
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  no thread holds what it needs
    )
    os.close(inside)
    shown = b""
    with suppress(OSError):  # how a terminal ends
        while b"Uvicorn running" not in shown:
            shown += os.read(terminal, 4096)
    os.close(terminal)
    process.wait(MOST_SECONDS)
