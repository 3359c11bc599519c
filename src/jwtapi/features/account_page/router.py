"""GET /account and below: one page for all views, its files, and the client for apps.

The endpoints are not async, so they run on a thread: the first compression of a file takes a few milliseconds.
"""

from pathlib import Path

from fastapi import APIRouter, Request, Response

from jwtapi.errors import NotFound
from jwtapi.pages.page import Page
from jwtapi.web.dependencies import services_of
from jwtapi.web.errors import ErrorResponse
from jwtapi.web.routes import StrictRoute

_page = Page(Path(__file__).parent / "assets")

VIEWS = ("forgot", "password", "register", "reset", "security", "sessions", "undo", "verify")
"""The paths below `/account` that show the page. The links in mails lead to them. A script reads the path."""

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.get("/account")
def account_page(request: Request) -> Response:
    return _view(request, below="account/")


@router.get("/account/client.js")
def account_client(request: Request) -> Response:
    return _page.client(request)


@router.get("/account/assets/{name}")
def account_asset(name: str, request: Request) -> Response:
    return _page.file(request, name)


@router.get("/account/{view}")
def account_view(view: str, request: Request) -> Response:
    return _view(request, below="") if view in VIEWS else ErrorResponse(NotFound())


def _view(request: Request, *, below: str) -> Response:
    settings = services_of(request.scope).settings
    mail = "required" if settings.email_required else "optional" if settings.sends_mail else "off"
    return _page.view(request, below=below, registration=settings.registration.value, email=mail)
