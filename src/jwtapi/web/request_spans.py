"""Makes a span for each request except those that programs repeat all the time.

It contains what the log contains: no headers, queries or bodies.
"""

import logging

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jwtapi.access_log import POLLED, client_address
from jwtapi.log_fields import MAX_TEXT
from jwtapi.web.middleware import KNOWN_METHODS

_FIRST_FAULT = 500
_OF_TRACE = (b"traceparent", b"tracestate")
_propagator = TraceContextTextMapPropagator()

# The library logs a warning for each wrong traceparent and tracestate. Any client could fill the log with them.
logging.getLogger("opentelemetry.trace").setLevel(logging.ERROR)


class RequestSpans:
    """Passes the span of the request to the inner app as if it were the caller's, so that the log contains its ids."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in POLLED:
            await self._app(scope, receive, send)
            return
        name = method = scope["method"]
        if method not in KNOWN_METHODS:
            name, method = "HTTP", "_OTHER"  # OpenTelemetry's values for unknown methods
        with self._tracer.start_as_current_span(
            name,
            context=_context_of(scope),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": method,
                "url.scheme": scope.get("scheme", "http"),
                "url.path": scope["path"][:MAX_TEXT],
                "client.address": client_address(scope) or "",
                "network.protocol.version": scope.get("http_version", "1.1"),
            },
            # The message of an exception may repeat what the client sent.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:

            async def send_and_record(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _set_status(span, message["status"])
                await send(message)

            inner = {**scope, "headers": _headers_within(scope, span)}
            try:
                await self._app(inner, receive, send_and_record)
            finally:
                if (route := getattr(inner.get("route"), "path", None)) is not None:
                    span.update_name(f"{name} {route}")
                    span.set_attribute("http.route", route)


def _set_status(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= _FIRST_FAULT:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)


def _context_of(scope: Scope) -> Context:
    """Return the trace of the caller. Two traceparents are invalid; several tracestates are one list."""
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        if name in _OF_TRACE:
            found.setdefault(name.decode(), []).append(value.decode("latin-1"))
    if len(found.get("traceparent", ())) != 1:
        return Context()
    return _propagator.extract({name: ",".join(values) for name, values in found.items()}, Context())


def _headers_within(scope: Scope, span: Span) -> list[tuple[bytes, bytes]]:
    context = span.get_span_context()
    ids = f"00-{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}-{context.trace_flags:02x}"
    return [header for header in scope["headers"] if header[0] not in _OF_TRACE] + [(b"traceparent", ids.encode())]
