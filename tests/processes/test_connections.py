"""Connections that send a head slowly, or without end."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("server")
    (folder / "sitecustomize.py").write_text("import jwtapi.server\njwtapi.server.HEAD_SECONDS = 0.5\n")
    with running_server(folder, PYTHONPATH=str(folder)) as server:
        yield server


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


@pytest.mark.parametrize("head", (b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "))
def test_half_a_head_is_dropped(server: Server, head: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b""


def test_a_head_without_end_is_refused(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 70_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 431 ")


def test_a_body_is_no_head(server: Server) -> None:
    body = b"a" * 100_000
    with server.client() as client:
        response = client.post("/login", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 413


def test_a_connection_serves_many_requests(server: Server) -> None:
    with server.client() as client:
        assert {client.get("/").status_code for _ in range(500)} == {200}
