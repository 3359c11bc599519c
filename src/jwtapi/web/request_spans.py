"""A span for each request but probes. It says what the log says, and nothing of headers, queries and bodies."""

import logging

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jwtapi.logs import MAX_TEXT, PROBES, client_address
from jwtapi.web.middleware import KNOWN_METHODS

_FIRST_FAULT = 500
_OF_TRACE = (b"traceparent", b"tracestate")
_propagator = TraceContextTextMapPropagator()

# The library warns of each traceparent and tracestate that is wrong, and any stranger can send those.
logging.getLogger("opentelemetry.trace").setLevel(logging.ERROR)


class RequestSpans:
    """What is inside sees the request's own span as its caller, so the log has the ids of that."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        name = method = scope["method"]
        if method not in KNOWN_METHODS:
            name, method = "HTTP", "_OTHER"  # OpenTelemetry's words for methods that strangers make up
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
            # An error's message may repeat what was sent.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:

            async def send_and_tell(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _tell_status(span, message["status"])
                await send(message)

            inner = {**scope, "headers": _headers_within(scope, span)}
            try:
                await self._app(inner, receive, send_and_tell)
            finally:
                if (route := getattr(inner.get("route"), "path", None)) is not None:
                    span.update_name(f"{name} {route}")
                    span.set_attribute("http.route", route)


def _tell_status(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= _FIRST_FAULT:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)


def _context_of(scope: Scope) -> Context:
    """What the caller says of its trace. Of two traceparents none counts; several tracestates are one list."""
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
