"""GET /admin and below: one page for all views, and its files. It has no data: all of that is behind the admin API.

The endpoints are not async, so they run on a thread: the first compression of a file takes a few milliseconds.
"""

from pathlib import Path
from uuid import UUID

from fastapi import APIRouter, Request, Response

from jwtapi.errors import NotFound
from jwtapi.pages.page import Page
from jwtapi.storage.events import EventType
from jwtapi.web.dependencies import services_of
from jwtapi.web.errors import ErrorResponse
from jwtapi.web.routes import StrictRoute

_page = Page(Path(__file__).parent / "assets")

VIEWS = ("clients", "events", "keys", "mails", "users")
"""The paths below `/admin` that show the page. A script reads the path."""
USER_VIEWS = ("invite", "new")
"""Those below `/admin/users`, beside the ids of users."""

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.get("/admin")
def admin_page(request: Request) -> Response:
    return _view(request, below="admin/")


@router.get("/admin/client.js")
def admin_client(request: Request) -> Response:
    """Return the client, which the shared modules find beside the folder of their own address."""
    return _page.client(request)


@router.get("/admin/assets/{name}")
def admin_asset(name: str, request: Request) -> Response:
    return _page.file(request, name)


@router.get("/admin/{view}")
def admin_view(view: str, request: Request) -> Response:
    return _view(request, below="") if view in VIEWS else ErrorResponse(NotFound())


@router.get("/admin/users/{view}")
def admin_user_view(view: str, request: Request) -> Response:
    return _view(request, below="../") if view in USER_VIEWS or _is_id(view) else ErrorResponse(NotFound())


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _view(request: Request, *, below: str) -> Response:
    settings = services_of(request.scope).settings
    own_account = "account" if settings.account_page_enabled else ""
    return _page.view(
        request,
        below=below,
        account=settings.account_url or own_account,
        mail="on" if settings.sends_mail else "off",
        event_types=" ".join(sorted(EventType.declared())),
    )
