"""Refuses requests that pages of other origins make a browser send (OWASP CSRF cheat sheet, fetch metadata).

SameSite=Strict is not enough for two reasons. It protects a site, and a page on another host of the same site can still
send the cookies. And it does not protect the limits: any page could use up the limits of its visitor's address.
"""

from collections.abc import Collection

from fastapi import Request

from jwtapi.errors import Forbidden
from jwtapi.settings import SameSite, Settings
from jwtapi.web.dependencies import services_of
from jwtapi.web.strip_query_and_cookies import COOKIE_HEADERS
from jwtapi.web_origin import as_browsers_write


class CrossOriginRefused(Forbidden):
    code = "cross_origin_refused"
    meaning = "a web page of another origin sent the request (CORS_ORIGINS)"
    message = "Cross-origin request refused"


def is_listed(origin: str, listed: Collection[str]) -> bool:
    """Return whether an Origin header names one of CORS_ORIGINS. CORS and the refusal both use it."""
    return origin in listed or as_browsers_write(origin) in listed


def is_own(origin: str, host: str | None, settings: Settings) -> bool:
    """Return whether an Origin header names the origin of PUBLIC_URL, or the same origin as a Host header.

    PUBLIC_URL helps where a proxy changes Host. A proxy may terminate TLS. No header is parsed, so a value that is not
    an origin counts as another origin.
    """
    origin = as_browsers_write(origin)
    if origin == settings.public_origin:
        return True
    if not host:
        return False
    return origin in (as_browsers_write(f"https://{host}"), as_browsers_write(f"http://{host}"))


def refuse_other_origins(request: Request) -> None:
    """Raise CrossOriginRefused unless the request is from this origin, from CORS_ORIGINS, or not from a web page."""
    origin = request.headers.get("origin")
    settings = services_of(request.scope).settings
    if origin is not None and is_listed(origin, settings.cors_origins):
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        # Browsers set it, and pages cannot. "none" means that the user started the request.
        if site not in ("same-origin", "none"):
            raise CrossOriginRefused
    elif origin is not None:
        # An old browser, or plain http. Origin names the origin of the page, and a page cannot set another Host.
        if not is_own(origin, request.headers.get("host"), settings):
            raise CrossOriginRefused
    elif settings.cookie_samesite is SameSite.NONE and request.scope[COOKIE_HEADERS]:
        # A very old browser: it sends the cookies with a form of any page, and no Origin.
        raise CrossOriginRefused
