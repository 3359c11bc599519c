"""What surrounds every request: its id, the security headers, the log line, the count, the last resort."""

import itertools
import os
import re
import time
from collections.abc import Callable, Iterable

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jwtapi.errors import NotFound
from jwtapi.logs import TraceContext, log_request, request_id, trace_context
from jwtapi.metrics import Metrics
from jwtapi.web.errors import ErrorResponse, InternalError

_CLIENT_GONE = 499
"""nginx's status, for logs and metrics: nobody was there to answer."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
"""Of version 00, the one that there is (W3C Trace Context §3.2)."""

# A request's id only has to differ from others; randomness for each is a system call, which costs more than the rest.
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
    """Pure ASGI, so that it costs little and context variables reach the endpoint.

    `cors` surrounds whatever answers: the app, and what answers here in its place.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics | None,
        https: bool,
        cors: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        answering: list[ASGIApp] = [app, ErrorResponse(NotFound()), ErrorResponse(InternalError())]
        self._app, self._not_found, self._internal_error = map(cors, answering) if cors is not None else answering
        self._metrics = metrics
        self._headers = _HEADERS | ({b"strict-transport-security": b"max-age=31536000"} if https else {})
        self._header_items = list(self._headers.items())

    def close_connections(self) -> None:
        """Let each connection end with its next answer."""
        self._headers |= {b"connection": b"close"}
        self._header_items = list(self._headers.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        its_id, trace = _ids_of(scope)
        is_head = scope["method"] == "HEAD"
        # HEAD is GET without the body (RFC 9110 §9.3.2); the routes need not know.
        routed = {**scope, "method": "GET"} if is_head else scope
        # Starlette's patterns match before a newline at a path's end, where a proxy's rule for that path does not.
        app = self._app if scope["path"].isprintable() else self._not_found
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # A new list: an answer may be given more than once.
                headers = message.get("headers", ())
                message["headers"] = [*headers, *self._missing_in(headers), (b"x-request-id", its_id.encode())]
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        outside = request_id.set(its_id)
        outside_of_trace = trace_context.set(trace) if trace is not None else None
        try:
            await app(routed, receive, send_with_headers)
        except ClientDisconnect:
            status = _CLIENT_GONE
        except Exception:
            log.exception("unhandled error")
            if status:
                raise  # half an answer is out: let the server cut the connection
            await self._internal_error(routed, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            log_request(scope, status, seconds)
            if self._metrics is not None:
                # `route` in the scope is not documented by Starlette.
                # The route's pattern, not the path: what strangers make up must not become label values.
                route = getattr(routed.get("route"), "path", "none")
                self._metrics.count_request(_known(scope["method"]), route, status, seconds)
            request_id.reset(outside)
            if outside_of_trace is not None:
                trace_context.reset(outside_of_trace)

    def _missing_in(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Ours, but for those that the endpoint knows better."""
        for name, _ in headers:
            if name in self._headers:
                present = {name for name, _ in headers}
                return [item for item in self._header_items if item[0] not in present]
        return self._header_items


def _ids_of(scope: Scope) -> tuple[str, TraceContext | None]:
    """The caller's own id and trace, if they are harmless to repeat and to log, else a new id and no trace."""
    its_id = traceparent = None
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            if its_id is None and _REQUEST_ID.fullmatch(value):
                its_id = value.decode()
        elif name == b"traceparent":
            traceparent = value if traceparent is None else b""  # of two nobody knows which is meant
    if its_id is None:
        its_id = f"{_PROCESS}{next(_numbers):016x}"
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent is not None else None
    return its_id, TraceContext(match[1].decode(), match[2].decode()) if match is not None else None


def _known(method: str) -> str:
    return method if method in KNOWN_METHODS else "other"
