"""What every request gets: an id, security headers, a log line, metrics, and a response if an error is unhandled."""

import itertools
import os
import re
import time
from collections.abc import Callable, Iterable

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jwtapi.access_log import log_request
from jwtapi.errors import NotFound
from jwtapi.log_fields import TraceContext, request_id, trace_context
from jwtapi.metrics import Metrics
from jwtapi.web.errors import ErrorResponse, InternalError

_CLIENT_GONE = 499
"""The status of nginx for a client that closed the connection before the response. For logs and metrics."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
"""The header of version 00, which is the only version (W3C Trace Context §3.2)."""

# An id only has to be unique. Random bytes for each request would need a system call, which takes longer than
# everything else here.
_PROCESS = os.urandom(8).hex()
_numbers = itertools.count()

KNOWN_METHODS = ("GET", "POST", "PATCH", "HEAD", "OPTIONS", "PUT", "DELETE")

_HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}

log = structlog.get_logger()


class RequestContext:
    """Is pure ASGI, so that it is fast and context variables reach the endpoint.

    `cors` wraps the app, and also the responses that this class sends instead of the app.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics | None,
        https: bool,
        cors: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        responders: list[ASGIApp] = [app, ErrorResponse(NotFound()), ErrorResponse(InternalError())]
        self._app, self._not_found, self._internal_error = map(cors, responders) if cors is not None else responders
        self._metrics = metrics
        self._headers = _HEADERS | ({b"strict-transport-security": b"max-age=31536000"} if https else {})
        self._header_items = list(self._headers.items())

    def close_connections(self) -> None:
        """Close each connection after its next response."""
        self._headers |= {b"connection": b"close"}
        self._header_items = list(self._headers.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        own_id, trace = _ids_of(scope)
        is_head = scope["method"] == "HEAD"
        # HEAD is GET without the body (RFC 9110 §9.3.2), so the routes only handle GET.
        routed = {**scope, "method": "GET"} if is_head else scope
        # A pattern of Starlette also matches a path with a newline at its end. The rule of a proxy for the same path
        # does not match it, so such a path must not reach an endpoint.
        app = self._app if scope["path"].isprintable() else self._not_found
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # Make a new list: the app may send the same response object more than once.
                headers = message.get("headers", ())
                message["headers"] = [*headers, *self._missing_in(headers), (b"x-request-id", own_id.encode())]
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        outside = request_id.set(own_id)
        outside_of_trace = trace_context.set(trace) if trace is not None else None
        try:
            await app(routed, receive, send_with_headers)
        except ClientDisconnect:
            status = _CLIENT_GONE
        except Exception:
            log.exception("unhandled error")
            if status:
                raise  # the response has begun, so the server must cut the connection
            await self._internal_error(routed, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            log_request(scope, status, seconds)
            if self._metrics is not None:
                # Starlette does not document `route` in the scope. The label is the pattern of the route, because
                # clients can invent any number of paths.
                route = getattr(routed.get("route"), "path", "none")
                self._metrics.count_request(_known(scope["method"]), route, status, seconds)
            request_id.reset(outside)
            if outside_of_trace is not None:
                trace_context.reset(outside_of_trace)

    def _missing_in(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return our headers without those that the endpoint has set."""
        for name, _ in headers:
            if name in self._headers:
                present = {name for name, _ in headers}
                return [item for item in self._header_items if item[0] not in present]
        return self._header_items


def _ids_of(scope: Scope) -> tuple[str, TraceContext | None]:
    """Return the id and the trace of the caller if they are safe to log and to repeat, else a new id and no trace."""
    own_id = traceparent = None
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            if own_id is None and _REQUEST_ID.fullmatch(value):
                own_id = value.decode()
        elif name == b"traceparent":
            traceparent = value if traceparent is None else b""  # with two of them, neither is valid
    if own_id is None:
        own_id = f"{_PROCESS}{next(_numbers):016x}"
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent is not None else None
    return own_id, TraceContext(match[1].decode(), match[2].decode()) if match is not None else None


def _known(method: str) -> str:
    return method if method in KNOWN_METHODS else "other"
