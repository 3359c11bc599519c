"""Refuses what pages of other origins make a browser send (OWASP CSRF cheat sheet, fetch metadata).

SameSite=Strict is not enough: it is per site, and a sibling host is of the same site. Nor are cookies all that is at
stake: whatever any page can send would use up the limits of its visitor's address.
"""

from collections.abc import Collection

from fastapi import Request

from jwtapi.errors import Forbidden
from jwtapi.settings import SameSite
from jwtapi.web.dependencies import services_of
from jwtapi.web.withheld import COOKIE_HEADERS
from jwtapi.web_origin import as_browsers_write


class CrossOriginRefused(Forbidden):
    code = "cross_origin_refused"
    meaning = "a web page of another origin sent the request (CORS_ORIGINS)"
    message = "Cross-origin request refused"


def is_listed(origin: str, listed: Collection[str]) -> bool:
    """Tell whether an Origin header names one of CORS_ORIGINS, for CORS and for the refusal alike."""
    return origin in listed or as_browsers_write(origin) in listed


def is_own(origin: str, host: str | None) -> bool:
    """Tell whether an Origin header names the origin that the Host header does; a proxy may have spoken the TLS.

    Neither is parsed: what is no origin at all is another one.
    """
    if not host:
        return False
    origin = as_browsers_write(origin)
    return origin in (as_browsers_write(f"https://{host}"), as_browsers_write(f"http://{host}"))


def refuse_other_origins(request: Request) -> None:
    """Raises CrossOriginRefused, unless the request is of this origin, of CORS_ORIGINS, or of no web page at all."""
    origin = request.headers.get("origin")
    settings = services_of(request.scope).settings
    if origin is not None and is_listed(origin, settings.cors_origins):
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        # Browsers set it themselves; "none" is the user's own doing.
        if site not in ("same-origin", "none"):
            raise CrossOriginRefused
    elif origin is not None:
        # An old browser, or plain http: it names the page's origin, and its user cannot be made to send another Host.
        if not is_own(origin, request.headers.get("host")):
            raise CrossOriginRefused
    elif settings.cookie_samesite is SameSite.NONE and request.scope[COOKIE_HEADERS]:
        # A browser so old that a form of any page sends no Origin, and the cookies with it.
        raise CrossOriginRefused
