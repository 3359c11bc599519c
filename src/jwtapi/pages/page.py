"""A page for people: one HTML file for all its views, and the modules and styles that it loads.

The folder of a page and the shared folder are served as one, so that a module imports both in the same way, and so that
one page works while another is switched off.
"""

from functools import cache
from html import escape
from pathlib import Path
from string import Template

from fastapi import Request, Response

from jwtapi.errors import NotFound
from jwtapi.second_factors.relying_party import relying_party
from jwtapi.second_factors.settings import MfaSettings
from jwtapi.settings import Settings
from jwtapi.web.assets import PAGE_HEADERS, Asset, asset_of
from jwtapi.web.dependencies import services_of
from jwtapi.web.errors import ErrorResponse

_HERE = Path(__file__).parent
_KINDS = (".js", ".css", ".svg")


def _files(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir() if path.suffix in _KINDS}


class Page:
    """The files in a folder, which has an `index.html`, beside those that all pages share."""

    def __init__(self, folder: Path) -> None:
        """Find the files.

        Raises:
            ValueError: a file has the name of a shared one, so that one of them would never be served.
        """
        own, shared = _files(folder), _files(_HERE / "assets")
        if both := own.keys() & shared.keys():
            raise ValueError(f"Pages share files of these names: {', '.join(sorted(both))}")
        self._index = folder / "index.html"
        self._files = shared | own

    def view(self, request: Request, *, below: str, **facts: str) -> Response:
        """Return the page, which has `facts` of the settings and those that all pages have.

        `below` leads from the folder of its address to the folder of the page, such as `account/`. The addresses in the
        page are relative, because a proxy may add a path.
        """
        settings = services_of(request.scope).settings
        page = _filled_in(self._index, below=below, **_common_facts(settings), **facts)
        return page.response_to(request, PAGE_HEADERS)

    def file(self, request: Request, name: str) -> Response:
        """Return a file that the page loads, or 404."""
        return asset_of(self._files[name]).response_to(request) if name in self._files else ErrorResponse(NotFound())

    @staticmethod
    def client(request: Request) -> Response:
        """Return the client for browser apps. It takes the folder above its address for that of the server."""
        return asset_of(_HERE / "client.js").response_to(request)


def _common_facts(settings: Settings) -> dict[str, str]:
    """Return what the shared modules must know, so that they offer nothing that the settings switch off."""
    passkeys = relying_party(settings)
    return {
        "password_min_length": str(settings.password_min_length),
        "passkey_origins": " ".join(passkeys.origins) if passkeys is not None else "",
        "remember_device": str(settings.of(MfaSettings).mfa_remember_device),
    }


@cache
def _filled_in(index: Path, **facts: str) -> Asset:
    escaped = {name: escape(fact) for name, fact in facts.items()}
    return Asset.of(Template(index.read_text()).substitute(escaped).encode(), index.name)
