"""Why a browser does not send the cookies back, as far as a server can see it."""

from typing import NamedTuple

import structlog
from fastapi import Request

from jwtapi.settings import SameSite, Settings
from jwtapi.sign_in.cookies import AuthCookies
from jwtapi.web.origins import is_own

log = structlog.get_logger()


class Cause(NamedTuple):
    what: str
    remedy: str


OTHER_SITE = Cause(
    "browsers drop the cookies: the page is of another site than this server",
    "put both on one site (app.example.com and auth.example.com; localhost and 127.0.0.1 are two), "
    "or set COOKIE_SAMESITE=none",
)
PLAIN_HTTP = Cause(
    "browsers drop the cookies: COOKIE_SECURE is true and the page calls this server over plain http",
    "serve it over https, and name the proxy that speaks TLS in TRUSTED_PROXIES; for a trial set COOKIE_SECURE=false",
)
NOT_SENT = Cause(
    "a page has an access token of this server and sends no cookie of it",
    'call fetch with credentials: "include" for /login, too, and see that no proxy keeps Set-Cookie or Cookie, '
    "or serves this below another path than ROOT_PATH",
)
NOT_SECURE = Cause(
    "this server is reached over https and COOKIE_SECURE is false: one request over plain http shows the cookies",
    "set COOKIE_SECURE=true",
)


class LostCookies:
    """Says each cause once, whoever asks: a stranger can make up any of these requests, and fills no log with it."""

    def __init__(self, settings: Settings, cookies: AuthCookies) -> None:
        self._is_for_own_site = settings.cookie_samesite is not SameSite.NONE
        self._is_secure = settings.cookie_secure
        self._cookies = cookies
        self._said: set[Cause] = set()

    def look_at(self, request: Request) -> None:
        cause = self._cause(request)
        if cause is None or cause in self._said:
            return
        self._said.add(cause)
        log.warning(
            cause.what,
            remedy=cause.remedy,
            more="docs/signed-out-after-a-reload.md",
            page=request.headers.get("origin"),
            server=request.headers.get("host"),
        )

    def _cause(self, request: Request) -> Cause | None:
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if origin is None:
            return None  # no page of a browser, which names its origin with each POST
        if site == "cross-site" and self._is_for_own_site:
            return OTHER_SITE
        by_tls = request.scope["scheme"] == "https"
        # Sec-Fetch-Site is what browsers send only over https, and to this machine, where Secure does no harm.
        if self._is_secure and not by_tls and site is None and origin.startswith("http://"):
            return PLAIN_HTTP
        if "authorization" in request.headers and not self._has_cookies(request):
            return NOT_SENT
        if not self._is_secure and (by_tls or self._is_own_by_tls(request, origin)):
            return NOT_SECURE
        return None

    def _has_cookies(self, request: Request) -> bool:
        return bool(self._cookies.refresh_tokens(request) or self._cookies.device_tokens(request))

    @staticmethod
    def _is_own_by_tls(request: Request, origin: str) -> bool:
        """A page of this server itself, by a proxy that is not trusted to say that it speaks TLS."""
        return origin.startswith("https://") and is_own(origin, request.headers.get("host"))
