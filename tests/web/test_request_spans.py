"""What spans say of requests and of what these ask of the database."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from jwtapi.app import create_app
from jwtapi.logs import _add_ids
from jwtapi.storage.database import Database
from tests.conftest import RunApi, on_sqlite
from tests.support.api import BASE_URL, PASSWORD, Api, register, sign_in

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Spans:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("tests")

    def take(self) -> tuple[ReadableSpan, list[ReadableSpan]]:
        """The span of the one request since the last look, and those of its statements."""
        spans = self.exporter.get_finished_spans()
        self.exporter.clear()
        (request,) = (span for span in spans if span.kind is SpanKind.SERVER)
        return request, [span for span in spans if span.kind is SpanKind.CLIENT]


@asynccontextmanager
async def traced(api: Api, spans: Spans) -> AsyncIterator[httpx.AsyncClient]:
    api.services[Database].trace(spans.tracer)
    app = create_app(api.services, tracer=spans.tracer)
    transport = httpx.ASGITransport(app, client=("203.0.113.7", 50000), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield client


async def test_a_request_and_its_statements_are_spans_of_the_callers_trace(api: Api) -> None:
    spans = Spans()
    async with traced(api, spans) as client:
        await register(client)
        spans.exporter.clear()
        await sign_in(client)
        spans.exporter.clear()
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
        assert (await client.post("/refresh?secret=1", headers=headers)).status_code == 200
        request, statements = spans.take()
    assert request.name == "POST /refresh"
    assert request.parent is not None
    assert (format_trace_id(request.context.trace_id), format_span_id(request.parent.span_id)) == (TRACE, SPAN)
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/refresh",
        "url.scheme": "http",
        "url.path": "/refresh",
        "client.address": "203.0.113.7",
        "network.protocol.version": "1.1",
    }
    assert statements
    for statement in statements:
        assert statement.parent is not None
        assert statement.parent.span_id == request.context.span_id
        assert (statement.attributes or {}).keys() == {"db.system.name", "db.operation.name", "db.query.text"}
    assert any(statement.name.startswith("UPDATE ") for statement in statements)


async def test_no_span_contains_a_secret_or_a_body(api: Api) -> None:
    spans = Spans()
    async with traced(api, spans) as client:
        await register(client)
        await sign_in(client)
        refresh_token = client.cookies["refreshToken"]
        await client.get("/profile?password=hunter2")
        await client.post("/register", json={"username": "alice", "password": PASSWORD})  # a name that is taken
        await client.post("/refresh")
        await api.sql("ALTER TABLE users RENAME TO away")
        await client.post("/login", json={"username": "alice", "password": PASSWORD})
    exported = json.dumps([json.loads(span.to_json()) for span in spans.exporter.get_finished_spans()])
    for secret in (PASSWORD, "hunter2", "alice", refresh_token, client.headers["Authorization"], "python-httpx"):
        assert secret not in exported
    failed = [span for span in spans.exporter.get_finished_spans() if span.status.status_code is StatusCode.ERROR]
    assert {span.kind for span in failed} == {SpanKind.SERVER, SpanKind.CLIENT}
    assert not any(span.events or span.status.description for span in failed)


@on_sqlite
async def test_the_log_lines_of_a_request_have_the_ids_of_its_span(api: Api) -> None:
    spans = Spans()
    async with traced(api, spans) as client:
        for headers in ({}, {"traceparent": f"00-{TRACE}-{SPAN}-01"}, {"traceparent": f"00-{TRACE}-{SPAN}-00"}):
            with structlog.testing.capture_logs(processors=[_add_ids]) as lines:
                await client.get("/", headers=headers)
            if headers.get("traceparent", "").endswith("00"):  # its caller does not record it
                assert spans.exporter.get_finished_spans() == ()
                assert lines[0]["trace_id"] == TRACE
                continue
            request, _ = spans.take()
            ids = format_trace_id(request.context.trace_id), format_span_id(request.context.span_id)
            assert (lines[0]["trace_id"], lines[0]["span_id"]) == ids
            assert (lines[0]["trace_id"] == TRACE) == bool(headers)


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "name", "status"),
    (
        ("GET", "/profile", "GET /profile", 401),
        ("GET", "/made/up/by/a/stranger", "GET", 404),
        ("STRANGE", "/profile", "HTTP /profile", 405),
    ),
)
async def test_a_request_for_an_unknown_path_or_method_makes_up_no_span_name(
    api: Api, method: str, path: str, name: str, status: int
) -> None:
    spans = Spans()
    async with traced(api, spans) as client:
        await client.request(method, path)
    request, _ = spans.take()
    assert request.name == name
    assert "STRANGE" not in request.to_json()
    assert (request.attributes or {})["http.response.status_code"] == status


@on_sqlite
async def test_probes_have_no_spans(api: Api) -> None:
    spans = Spans()
    async with traced(api, spans) as client:
        for path in ("/health/live", "/health/ready", "/metrics"):
            await client.get(path)
    assert spans.exporter.get_finished_spans() == ()


@on_sqlite
async def test_a_request_with_two_traceparents_has_no_parent_span(api: Api) -> None:
    spans = Spans()
    async with traced(api, spans) as client:
        await client.get("/", headers=[("traceparent", f"00-{TRACE}-{span}-01") for span in (SPAN, SPAN[::-1])])
    request, _ = spans.take()
    assert request.parent is None


@on_sqlite
async def test_a_span_has_the_client_address_that_the_log_has(run_api: RunApi) -> None:
    async with run_api(trusted_proxies="203.0.113.7") as api:
        spans = Spans()
        async with traced(api, spans) as client:
            await client.get("/", headers={"X-Forwarded-For": "198.51.100.9"})
        request, _ = spans.take()
    assert (request.attributes or {})["client.address"] == "198.51.100.9"


@on_sqlite
@pytest.mark.parametrize(
    ("traceparent", "tracestate"),
    (
        ("00-" + "0" * 1000, "a=1"),
        (f"00-{TRACE}-{SPAN}-01", "x" * 1000),
        (f"00-{TRACE}-{SPAN}-01", "no member"),
        (f"00-{TRACE}-{SPAN}-01", ",".join(f"k{number}=1" for number in range(40))),
    ),
)
async def test_malformed_trace_headers_do_not_fill_the_log(
    run_api: RunApi, caplog: pytest.LogCaptureFixture, traceparent: str, tracestate: str
) -> None:
    async with run_api() as api, traced(api, Spans()) as client:
        answer = await client.get("/", headers={"traceparent": traceparent, "tracestate": tracestate})
    assert answer.status_code == 200
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []
