"""Spans on their way from several workers to a collector, and collectors that are away."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.api import PASSWORD
from tests.support.server import Server, free_port, running_server

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, as protobuf."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.bodies: list[bytes] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    with Collector(port) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        yield collector
        collector.shutdown()


def test_each_worker_exports_its_spans_and_the_last_ones_when_it_stops(tmp_path: Path) -> None:
    settings = {"WORKERS": "2", "OTEL_SERVICE_NAME": "sign-in", "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    with (
        collecting() as collector,
        running_server(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"{collector.endpoint}/", **settings) as server,
    ):
        for _ in range(20):  # each on a connection of its own, so that both workers get some
            with server.client() as client:
                client.get("/profile?token=hunter2", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
        with server.client() as client:
            body = {"username": "alice", "password": PASSWORD}
            assert client.post("/register", json=body).status_code == 201
            assert client.post("/login", json=body).status_code == 200
            cookie = client.cookies["refreshToken"]
        server.stop()
        everything = b"".join(collector.bodies)
        spans = []
        for sent in collector.bodies:
            for of_resource in ExportTraceServiceRequest.FromString(sent).resource_spans:
                names = {item.key: item.value.string_value for item in of_resource.resource.attributes}
                assert names["service.name"] == "sign-in"
                spans += [span for of_scope in of_resource.scope_spans for span in of_scope.spans]
    assert [span.name for span in spans].count("GET /profile") == 20
    assert {span.parent_span_id.hex() for span in spans if span.trace_id.hex() == TRACE} == {SPAN}
    assert {"POST /register", "POST /login", "INSERT sqlite"} <= {span.name for span in spans}
    for secret in (b"hunter2", PASSWORD.encode(), cookie.encode()):
        assert secret not in everything
    assert f'"trace_id": "{TRACE}"' in server.log.read_text()


def test_a_missing_collector_delays_no_request_and_is_logged_once(tmp_path: Path) -> None:
    port = free_port()
    settings = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    with running_server(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}", **settings) as server:
        with server.client() as client:
            until_logged(server, client, "Failed to export")
            with collecting(port):
                until_logged(server, client, "the collector accepts spans again")
            for _ in range(50):
                assert client.get("/").status_code == 200
        before = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - before < 8  # it waits two seconds for the collector
        assert server.log.read_text().count("Failed to export") <= 2
        assert "Traceback" not in server.log.read_text()
        server.start()


def until_logged(server: Server, client: httpx.Client, text: str) -> None:
    deadline = time.monotonic() + 30
    while text not in server.log.read_text():
        assert client.get("/").status_code == 200
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.05)
