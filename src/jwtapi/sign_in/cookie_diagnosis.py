"""Finds out why a browser does not send the cookies back, as far as a server can see it."""

from typing import NamedTuple

import structlog
from fastapi import Request

from jwtapi.settings import SameSite, Settings
from jwtapi.sign_in.cookies import AuthCookies
from jwtapi.web.origins import is_own

log = structlog.get_logger()


class Cause(NamedTuple):
    problem: str
    remedy: str


OTHER_SITE = Cause(
    "browsers drop the cookies: the page is on another site than this server",
    "put both on one site (as app.example.com and auth.example.com; localhost and 127.0.0.1 are two sites), "
    "or set COOKIE_SAMESITE=none",
)
PLAIN_HTTP = Cause(
    "browsers drop the cookies: COOKIE_SECURE is true and the page calls this server over plain http",
    "serve it over https and set TRUSTED_PROXIES to the proxy that terminates TLS; for a trial set COOKIE_SECURE=false",
)
NOT_SENT = Cause(
    "a page sends an access token of this server, but no cookie of this server",
    'call fetch with credentials: "include", also for /login, and check that no proxy removes Set-Cookie or Cookie, '
    "or serves this server below another path than ROOT_PATH",
)
NOT_SECURE = Cause(
    "clients use https and COOKIE_SECURE is false: one request over plain http would send the cookies unencrypted",
    "set COOKIE_SECURE=true",
)


class CookieDiagnosis:
    """Logs each cause once. Any client can send such requests, so logging each would let it fill the log."""

    def __init__(self, settings: Settings, cookies: AuthCookies) -> None:
        self._settings = settings
        self._is_for_own_site = settings.cookie_samesite is not SameSite.NONE
        self._is_secure = settings.cookie_secure
        self._cookies = cookies
        self._logged: set[Cause] = set()

    def check(self, request: Request) -> None:
        cause = self._cause(request)
        if cause is None or cause in self._logged:
            return
        self._logged.add(cause)
        log.warning(
            cause.problem,
            remedy=cause.remedy,
            more="docs/signed-out-after-a-reload.md",
            page=request.headers.get("origin"),
            server=request.headers.get("host"),
        )

    def _cause(self, request: Request) -> Cause | None:
        origin = request.headers.get("origin")
        if origin is None:
            return None  # not from a page: a browser sends Origin with each POST
        site = request.headers.get("sec-fetch-site")
        if site == "cross-site" and self._is_for_own_site:
            return OTHER_SITE
        by_tls = request.scope["scheme"] == "https"
        # Browsers send Sec-Fetch-Site only over https and to localhost. Secure cookies work in both cases.
        if self._is_secure and not by_tls and site is None and origin.startswith("http://"):
            return PLAIN_HTTP
        if "authorization" in request.headers and not self._has_cookies(request):
            return NOT_SENT
        if not self._is_secure and (by_tls or self._is_own_by_tls(request, origin)):
            return NOT_SECURE
        return None

    def _has_cookies(self, request: Request) -> bool:
        return bool(self._cookies.refresh_tokens(request) or self._cookies.device_tokens(request))

    def _is_own_by_tls(self, request: Request, origin: str) -> bool:
        """Return whether the page is of this server, behind a TLS proxy that is not in TRUSTED_PROXIES."""
        return origin.startswith("https://") and is_own(origin, request.headers.get("host"), self._settings)
