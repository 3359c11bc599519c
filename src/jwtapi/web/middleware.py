"""What surrounds every request: its id, the security headers, the log line, the count, the last resort."""

import re
import time
from uuid import uuid4

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jwtapi.metrics import Metrics
from jwtapi.web.problems import internal_error
from jwtapi.web.request_body import bounded

_CLIENT_GONE = 499
"""nginx's status, for logs and metrics: nobody was there to answer."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

_HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}

log = structlog.get_logger("jwtapi.access")


class RequestContext:
    """Pure ASGI, so that it costs little and context variables reach the endpoint."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, https: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._headers = _HEADERS | ({b"strict-transport-security": b"max-age=31536000"} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        is_head = scope["method"] == "HEAD"
        # HEAD is GET without the body (RFC 9110 §9.3.2); the routes need not know.
        routed = {**scope, "method": "GET"} if is_head else scope
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                present = {name for name, _ in headers}
                headers += [(name, value) for name, value in self._headers.items() if name not in present]
                headers.append((b"x-request-id", request_id.encode()))
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(routed, bounded(receive), send_with_headers)
            except ClientDisconnect:
                status = _CLIENT_GONE
            except Exception:
                log.exception("unhandled error")
                if status:
                    raise  # half an answer is out: let the server cut the connection
                await internal_error()(routed, receive, send_with_headers)
            finally:
                self._tell(scope, routed.get("route"), status, time.perf_counter() - started)

    def _tell(self, scope: Scope, route: object, status: int, seconds: float) -> None:
        client = scope.get("client")
        log.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=status,
            milliseconds=round(seconds * 1000, 1),
            client=client[0] if client else None,
        )
        # The route's pattern, not the path: what strangers make up must not become label values.
        self._metrics.count_request(
            method=_known(scope["method"]), route=getattr(route, "path", "none"), status=status, seconds=seconds
        )


def _request_id(scope: Scope) -> str:
    """The caller's own, if it is harmless to repeat and to log, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return uuid4().hex


def _known(method: str) -> str:
    return method if method in ("GET", "POST", "PATCH", "HEAD", "OPTIONS", "PUT", "DELETE") else "other"
