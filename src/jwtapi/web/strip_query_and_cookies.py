"""Hides the query and the cookies from FastAPI, which would parse them for every endpoint. Few of ours need them."""

from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE_HEADERS = "jwtapi.cookie_headers"
"""The key of the ASGI scope for the values of all Cookie headers. `sign_in/cookies.py` reads them."""

QUERY = "jwtapi.query"
"""The key of the ASGI scope for the query as it was sent. `features/login/dependencies.py` reads it."""


class StripQueryAndCookies:
    """Protects from long queries, which take time to parse, and from cookies that Python unquotes in quadratic time.

    For the cookies see CVE-2024-7592. Starlette parses them when `Request.query_params` and `Request.cookies` are read,
    and FastAPI always reads both. This class relies on the source of Starlette: it takes both from the ASGI scope only.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = scope["headers"]
            scope[QUERY] = scope.get("query_string", b"")
            scope["query_string"] = b""
            scope["headers"] = [header for header in headers if header[0] != b"cookie"]
            scope[COOKIE_HEADERS] = [value for name, value in headers if name == b"cookie"]
        await self._app(scope, receive, send)
