"""Lets pages of CORS_ORIGINS read all responses, and every page those of public paths (Fetch standard §3.3)."""

from collections.abc import Awaitable, Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jwtapi.web.errors import ErrorResponse
from jwtapi.web.origins import CrossOriginRefused, is_listed

READ_HERE = ("authorization", "content-type", "x-request-id")
OF_LIBRARIES = (
    "baggage",
    "cache-control",
    "idempotency-key",
    "if-none-match",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "x-requested-with",
)
"""Headers that libraries for tracing and fetching add to each request of a page by themselves."""

EXPOSED = (
    "Allow",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Auth-Roles",
    "X-Auth-Session",
    "X-Auth-User",
    "X-Auth-User-Id",
    "X-Request-ID",
)
"""Headers of responses that a browser hides from scripts unless they are listed here."""

PREFLIGHT_SECONDS = 2 * 3600
"""How long a browser may remember that a preflight was allowed. Chromium accepts no longer time. Refusals are not
remembered."""

_FOR_EVERYBODY = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", ", ".join(EXPOSED).encode()),
)
_PREFLIGHT_OF_EVERYBODY = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Private-Network": "true",
    "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
}


class Cors(CORSMiddleware):
    """Leans on methods and attributes of Starlette's class that are not documented: those used below."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str], headers: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[*READ_HERE, *OF_LIBRARIES, *headers],
            allow_private_network=True,
            expose_headers=EXPOSED,
            max_age=PREFLIGHT_SECONDS,
        )

    def is_allowed_origin(self, origin: str) -> bool:
        return is_listed(origin, self.allow_origins)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the response of Starlette, but a refusal in the form of our errors.

        Its message names what is not allowed.
        """
        if isinstance(self.app, Response):
            return self.app  # 404 or 500, which replaces any response of the app
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:  # noqa: PLR2004
            return answer
        refused = ErrorResponse(CrossOriginRefused(bytes(answer.body).decode()))
        refused.headers.update(
            {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        )
        return refused


class PublicPaths:
    """Lets every page read some paths, without credentials. All other paths are for `others`.

    The headers do not depend on the request, so a shared cache can serve one copy to everybody.
    """

    def __init__(self, app: ASGIApp, others: ASGIApp, paths: Collection[str]) -> None:
        self._app = app
        self._others = others
        self._paths = frozenset(paths)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        respond = self._respond if scope.get("path") in self._paths else self._others
        return respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await Response(headers=_PREFLIGHT_OF_EVERYBODY)(scope, receive, send)
            return

        async def send_for_everybody(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_FOR_EVERYBODY]
            await send(message)

        await self._app(scope, receive, send_for_everybody)
