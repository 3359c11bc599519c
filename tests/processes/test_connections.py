"""What a connection may send and leave unread, and where a request ends on it."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import psutil
import pytest

from tests.conftest import JWT_SECRET, REFRESH_SECRET
from tests.support.server import IMPATIENT, ROOT, Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its clients have half a second to send a request and to read the answer."""
    settings = {"JWT_SECRET": JWT_SECRET, "REFRESH_SECRET": REFRESH_SECRET, "RATE_LIMIT_ENABLED": "false"}
    with running_server(tmp_path_factory.mktemp("server"), IMPATIENT, PYTHONPATH=str(ROOT), **settings) as server:
        yield server


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


@pytest.mark.parametrize("head", (b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "))
def test_a_connection_that_sends_an_incomplete_head_is_closed(server: Server, head: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b""


def test_a_request_head_without_end_is_refused(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 70_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("target", ("/" + "%" * 8192, "/?" + "a" * 8191, "http://x/" + "a" * 60_000))
def test_a_request_target_of_more_than_8_kib_is_refused(server: Server, target: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    assert statuses(exchange(server, GET + request + GET)) == [404, 414]
    assert statuses(exchange(server, request[:8000], request[8000:])) == [414]


def test_a_request_target_of_8_kib_is_served(server: Server) -> None:
    request = f"GET /?{'a' * 8190} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    assert statuses(exchange(server, request)) == [200]


def test_a_head_of_more_than_64_kib_in_one_piece_is_refused(server: Server) -> None:
    assert statuses(exchange(server, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 20_000 + b"\r\n")) == [431]


def test_a_body_does_not_count_as_part_of_the_next_head(server: Server) -> None:
    request = LOGIN + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n"
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(request)
        answers = b""
        while not answers.endswith(b"}"):
            answers += connection.recv(10_000)
        for byte in LAST:
            connection.sendall(bytes([byte]))
        while more := connection.recv(10_000):
            answers += more
    assert statuses(answers) == [400, 200]


def test_a_large_body_does_not_count_as_a_head(server: Server) -> None:
    body = b"a" * 100_000
    with server.client() as client:
        response = client.post("/login", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("length", "more"), ((0, b"\r\n"), (2, b"a")), ids=("a line end", "a byte of a body that nobody read")
)
def test_a_connection_that_sends_an_incomplete_request_after_an_answer_is_closed(
    server: Server, length: int, more: bytes
) -> None:
    with connect(server) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(10_000)
        connection.sendall(more)
        assert connection.recv(100) == b""


def test_trailers_of_a_connection_that_is_open_are_not_kept(server: Server) -> None:
    before = psutil.Process(server.pid).memory_info().rss
    with connect(server) as connection, server.client() as client:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 150_000
        )
        for _ in range(50):  # between these the server reads the trailers
            assert client.get("/").status_code == 200
        assert psutil.Process(server.pid).memory_info().rss - before < 10_000_000


def test_trailers_are_not_kept_and_have_an_end(server: Server) -> None:
    before = psutil.Process(server.pid).memory_info().rss
    with connect(server) as connection, pytest.raises(ConnectionError):  # noqa: PT012  it is cut while we send
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        for _ in range(100):
            connection.sendall(b"a: b\r\n" * 100_000)
    assert psutil.Process(server.pid).memory_info().rss - before < 10_000_000


def test_a_body_in_chunks_of_one_byte_is_accepted(server: Server) -> None:
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


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


def exchange(server: Server, *segments: bytes) -> bytes:
    """What comes back until the server closes."""
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = b""
        with suppress(ConnectionError):
            for segment in segments:
                connection.sendall(segment)
            while received := connection.recv(100_000):
                answers += received
        return answers


HEAD = b"HEAD /%b HTTP/1.1\r\nHost: x\r\n\r\n"
GET = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
CREDENTIALS = b'{"username": "alice",\r\n\r\n"password": "x"}'
LOGIN = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
KNOWN_LENGTH = LOGIN + b"Content-Length: %d\r\n\r\n" % len(CREDENTIALS) + CREDENTIALS
CHUNKED = (
    LOGIN + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(CREDENTIALS) + CREDENTIALS + b"\r\n0\r\nA: b\r\n\r\n"
)
BLANK_LINES = LOGIN + b"Transfer-Encoding: chunked\r\n\r\n6\r\n\r\n\r\n\r\n\r\n0\r\n\r\n"


@pytest.mark.parametrize(("path", "status"), ((b"", b"200"), (b"nowhere", b"404"), (b"refresh", b"405")))
def test_a_request_for_the_head_alone_is_answered_while_the_connection_stays_open(
    server: Server, path: bytes, status: bytes
) -> None:
    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(HEAD % path)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += connection.recv(100_000)
            assert answer.startswith(b"HTTP/1.1 " + status)
            assert answer.count(b"HTTP/1.1") == 1


def test_pipelined_requests_are_answered_one_after_the_other(server: Server) -> None:
    requests = (GET + KNOWN_LENGTH + GET + CHUNKED + BLANK_LINES) * 3 + LAST
    expected = [404, 401, 404, 401, 400] * 3 + [200]
    assert statuses(exchange(server, requests)) == expected
    assert statuses(exchange(server, *(bytes([byte]) for byte in requests))) == expected


def test_pipelined_requests_take_no_memory(server: Server) -> None:
    process = psutil.Process(server.pid)
    before = process.memory_info().rss
    burst = b"GET / HTTP/1.1\r\n\r\n" * 3000
    for _ in range(3):
        with connect(server) as connection, suppress(ConnectionError):
            connection.sendall(burst)
            for _ in range(200):
                assert connection.recv(100_000)
                connection.sendall(burst)
    assert process.memory_info().rss - before < 20_000_000


def test_more_than_64_kib_of_pipelined_requests_are_not_read(server: Server) -> None:
    answers = exchange(server, b"GET / HTTP/1.1\r\n\r\n" * 100_000)
    assert len(statuses(answers)) < 50_000


def test_the_connection_of_a_client_that_does_not_read_answers_is_closed(server: Server) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(socket.socket()) for _ in range(5)]
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\n\r\n" * 1000)
            assert connection.recv(1) == b"H"
        ours = {connection.getsockname()[1] for connection in connections}
        deadline = time.monotonic() + 20
        while still := {c.raddr.port for c in psutil.Process(server.pid).net_connections() if c.raddr} & ours:
            assert time.monotonic() < deadline, still
            time.sleep(0.05)


def test_a_malformed_body_adds_nothing_to_an_answer_that_is_being_sent(server: Server) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(
            b"GET /docs/assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        answer = connection.recv(1000)
        connection.sendall(b"no chunk\r\n")
        with suppress(ConnectionError):
            while more := connection.recv(100_000):
                answer += more
    assert statuses(answer) == [200]


@pytest.mark.parametrize("protocol", ("h2c", "websocket", "unheard-of"))
@pytest.mark.parametrize("framing", ("known length", "chunked"))
def test_a_request_that_offers_another_protocol_is_served_with_its_body_and_is_the_last(
    server: Server, protocol: str, framing: str
) -> None:
    name = f"user-{protocol}-{framing[0]}"
    body = json.dumps({"username": name, "password": "correct horse battery staple"}).encode()
    head = f"POST /register HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\n"
    head += "HTTP2-Settings: AA\r\nContent-Type: application/json\r\n"
    if framing == "chunked":
        head += "Transfer-Encoding: chunked\r\n\r\n"
        body = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    else:
        head += f"Content-Length: {len(body)}\r\n\r\n"
    answers = exchange(server, head.encode() + body + GET)
    assert statuses(answers) == [201]
    assert b"connection: close" in answers
    assert statuses(exchange(server, head.encode(), body, GET)) == [409]


@pytest.mark.parametrize("length", (f"Content-Length: {len(GET)}", "Transfer-Encoding: chunked"))
def test_the_body_of_a_request_that_offers_another_protocol_is_no_request(server: Server, length: str) -> None:
    head = f"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n{length}\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(head.encode())
        answers = connection.recv(10_000)
        with suppress(ConnectionError):
            connection.sendall(GET)
            while more := connection.recv(10_000):
                answers += more
    assert statuses(answers) == [200]


POST = "POST /logout HTTP/1.1\r\nHost: x\r\n"
EMPTY = "0\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "expected"),
    (
        (f"{POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{EMPTY}", [400]),
        (f"{POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n{EMPTY}", [400]),
        (f"{POST}Content-Length: 0\r\nContent-Length: 0\r\n\r\n", [400]),
        (f"{POST}Content-Length: 0, 0\r\n\r\n", [400]),
        (f"{POST}Content-Length: {'0' * 5000}1\r\n\r\na", [200, 200]),
        (f"{POST}Content-Length: +5\r\n\r\n{EMPTY}", [400]),
        (f"{POST}Content-Length : 5\r\n\r\n{EMPTY}", [400]),
        (f"{POST}Transfer-Encoding: gzip\r\n\r\n{EMPTY}", [400]),
        (f"{POST}Transfer-Encoding: chunked, identity\r\n\r\n{EMPTY}", [400]),
        (f"{POST}Transfer-Encoding:\r\n chunked\r\n\r\n{EMPTY}", [400]),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\n0 \r\n\r\n", [400]),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n3f\r\n{EMPTY}", [400]),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\n0;a=b\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", [200, 200]),
        (f"{POST}Connection: Upgrade\r\nUpgrade: x\r\nTransfer-Encoding: gzip\r\n\r\n", [400]),
        ("POST /logout HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [200]),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", [200]),
        ("GET / HTTP/1.1\nHost: x\n\n", [400]),
        ("GET / HTTP/1.1\r\nHost: x\n\n", [400]),
        ("GET /\r\n\r\n", [200]),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
        ("CONNECT x:443 HTTP/1.1\r\n\r\n", [400]),
        ("CONNECT / HTTP/1.1\r\nContent-Length: 1\r\n\r\na", [405]),
        ("GET http://other.example/ HTTP/1.1\r\nHost: x\r\n\r\n", [200, 200]),
        (f"{POST}Expect: 100-continue\r\nContent-Length: 1\r\n\r\na", [200, 200]),
    ),
)
def test_no_two_servers_can_disagree_about_where_a_request_ends(
    server: Server, request_: str, expected: list[int]
) -> None:
    assert statuses(exchange(server, request_.encode() + LAST)) == expected


def test_a_body_that_is_malformed_after_its_answer_gets_no_second_answer(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(10_000)
        connection.sendall(b"no chunk\r\n")
        assert connection.recv(100) == b""


def test_a_connection_that_is_refused_leaves_one_line_in_the_log(server: Server) -> None:
    lines = len(server.log.read_text().splitlines())
    with connect(server) as connection, suppress(ConnectionError):
        for _ in range(100):
            connection.sendall(b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        while connection.recv(10_000):
            pass
    exchange(server, b"not HTTP\r\n\r\n" * 100)
    assert len(server.log.read_text().splitlines()) - lines == 2


def test_a_connection_that_is_idle_after_its_answers_is_closed(server: Server) -> None:
    with connect(server) as connection:
        for _ in range(3):
            connection.sendall(GET)
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(10_000)
        assert connection.recv(100) == b""
