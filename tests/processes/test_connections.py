"""Connections that send a head slowly, or without end."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
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


@pytest.mark.parametrize(
    ("length", "more"), ((0, b"\r\n"), (2, b"a")), ids=("a line end", "a byte of a body that nobody read")
)
def test_who_only_goes_on_sending_after_an_answer_is_dropped(server: Server, length: int, more: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(10_000)
        connection.sendall(more)
        assert connection.recv(100) == b""


def test_trailers_are_not_kept_and_have_an_end(server: Server) -> None:
    before = psutil.Process(server.pid).memory_info().rss
    with connect(server) as connection, pytest.raises(ConnectionError):  # noqa: PT012  it is cut while we send
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        for _ in range(100):
            connection.sendall(b"a: b\r\n" * 100_000)
    assert psutil.Process(server.pid).memory_info().rss - before < 10_000_000


def test_a_body_in_chunks_of_a_byte_is_taken(server: Server) -> None:
    body = json.dumps({"username": "alice", "password": "correct horse battery staple"}).encode()
    with server.client() as client:
        response = client.post(
            "/register",
            content=(bytes([byte]) for byte in body),
            headers={"Content-Type": "application/json"},
        )
        assert response.status_code == 201
        assert client.get("/").status_code == 200


def test_a_connection_serves_many_requests(server: Server) -> None:
    with server.client() as client:
        assert {client.get("/").status_code for _ in range(500)} == {200}
