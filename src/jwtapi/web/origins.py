"""Refuses what pages of other origins make a browser send (OWASP CSRF cheat sheet, fetch metadata).

SameSite=Strict is not enough: it is per site, and a sibling host is of the same site. Nor are cookies all that is at
stake: whatever any page can send would use up the limits of its visitor's address.
"""

from fastapi import Request

from jwtapi.errors import Forbidden
from jwtapi.resources import Resources


class CrossOriginRefused(Forbidden):
    code = "cross_origin_refused"
    message = "Cross-origin request refused"


def refuse_other_origins(request: Request) -> None:
    """Raises CrossOriginRefused, unless the request is of this origin, of CORS_ORIGINS, or of no web page at all."""
    origin = request.headers.get("origin")
    resources: Resources = request.app.state.resources
    if origin in resources.settings.cors_origins:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        # Browsers set it themselves; "none" is the user's own doing.
        if site not in ("same-origin", "none"):
            raise CrossOriginRefused
    elif origin is not None:
        # An old browser, or plain http: it names the page's origin, and its user cannot be made to send another Host.
        # Not parsed: what is no origin at all is another one.
        host = request.headers.get("host")
        if not host or origin not in (f"https://{host}", f"http://{host}"):
            raise CrossOriginRefused
