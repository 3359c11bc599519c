"""Refuses what pages of other origins make a browser send with our cookie (OWASP CSRF cheat sheet, fetch metadata).

SameSite=Strict is not enough: it is per site, and a sibling host is of the same site.
"""

from urllib.parse import urlsplit

from fastapi import Request

from jwtapi.errors import Forbidden
from jwtapi.resources import Resources


class CrossOriginRefused(Forbidden):
    code = "cross_origin_refused"
    message = "Cross-origin request refused"


async def refuse_other_origins(request: Request) -> None:
    """Raises CrossOriginRefused, unless the request is of this origin, of CORS_ORIGINS, or of no web page at all."""
    resources: Resources = request.app.state.resources
    origin = request.headers.get("origin")
    if origin in resources.settings.cors_origins:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        # Browsers set it themselves; "none" is the user's own doing.
        if site not in ("same-origin", "none"):
            raise CrossOriginRefused
    elif origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        # An old browser, or plain http: it names the page's origin, and its user cannot be made to send another Host.
        raise CrossOriginRefused
