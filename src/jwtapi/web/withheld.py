"""Withholds from FastAPI what it parses for every endpoint, although none of ours asks for it: queries and cookies."""

from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE_HEADERS = "jwtapi.cookie_headers"
"""Where the scope has the values of all Cookie headers; see `auth/cookies.py`."""


class WithoutQueryAndCookies:
    """Any request could have an endless query, or a cookie that Python unquotes in quadratic time (CVE-2024-7592).

    Starlette parses them when `Request.query_params` and `Request.cookies` are looked at, and FastAPI always looks.
    This leans on the source of both: they read these two from the ASGI scope, and from nowhere else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = scope["headers"]
            scope["query_string"] = b""
            scope["headers"] = [header for header in headers if header[0] != b"cookie"]
            scope[COOKIE_HEADERS] = [value for name, value in headers if name == b"cookie"]
        await self._app(scope, receive, send)
