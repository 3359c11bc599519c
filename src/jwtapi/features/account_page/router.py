"""GET /account and below: one page for all views, its files, and the client for apps.

The endpoints are not async, so they run on a thread: the first compression of a file takes a few milliseconds.
"""

from functools import cache
from pathlib import Path
from string import Template

from fastapi import APIRouter, Request, Response

from jwtapi.errors import NotFound
from jwtapi.second_factors.relying_party import relying_party
from jwtapi.second_factors.settings import MfaSettings
from jwtapi.web.assets import PAGE_HEADERS, Asset, asset_of
from jwtapi.web.dependencies import services_of
from jwtapi.web.errors import ErrorResponse
from jwtapi.web.routes import StrictRoute

_HERE = Path(__file__).parent
_ASSETS = {path.name: path for path in (_HERE / "assets").iterdir() if path.suffix in {".js", ".css", ".svg"}}

VIEWS = ("forgot", "password", "register", "reset", "security", "sessions", "undo", "verify")
"""The paths below `/account` that show the page. The links in mails lead to them. A script reads the path."""

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.get("/account")
def account_page(request: Request) -> Response:
    return _page(request, below="account/")


@router.get("/account/client.js")
def account_client(request: Request) -> Response:
    return asset_of(_HERE / "client.js").response_to(request)


@router.get("/account/assets/{name}")
def account_asset(name: str, request: Request) -> Response:
    return asset_of(_ASSETS[name]).response_to(request) if name in _ASSETS else ErrorResponse(NotFound())


@router.get("/account/{view}")
def account_view(view: str, request: Request) -> Response:
    return _page(request, below="") if view in VIEWS else ErrorResponse(NotFound())


def _page(request: Request, *, below: str) -> Response:
    """Return the page. `below` leads from the folder of its address to `/account/`.

    Its addresses are relative, because a proxy may add a path.
    """
    settings = services_of(request.scope).settings
    mail = "required" if settings.email_required else "optional" if settings.sends_mail else "off"
    passkeys = relying_party(settings)
    page = _filled_in(
        below=below,
        registration=settings.registration.value,
        email=mail,
        password_min_length=str(settings.password_min_length),
        passkey_origins=" ".join(passkeys.origins) if passkeys is not None else "",
        remember_device=str(settings.of(MfaSettings).mfa_remember_device),
    )
    return page.response_to(request, PAGE_HEADERS)


@cache
def _filled_in(**values: str) -> Asset:
    """Write into the page what it must know of the settings, so that it offers nothing that they switch off."""
    page = _HERE / "assets" / "index.html"
    return Asset.of(Template(page.read_text()).substitute(values).encode(), page.name)
