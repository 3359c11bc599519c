"""GET /docs: Swagger UI. All its files come from this server, so that it works without internet access.

This file leans on the folder `static` of fastapi_offline, and on the names of the files in it. Neither is documented.
"""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Request, Response

from jwtapi.errors import NotFound
from jwtapi.web.assets import PAGE_HEADERS, asset_of
from jwtapi.web.errors import ErrorResponse

_HERE = Path(__file__).parent
_SWAGGER_UI = Path(fastapi_offline.__file__).parent / "static"
_ASSETS = {
    path.name: path
    for path in (
        _SWAGGER_UI / "favicon.png",
        _SWAGGER_UI / "swagger-ui.css",
        _SWAGGER_UI / "swagger-ui-bundle.js",
        _HERE / "page.css",
        _HERE / "start.js",
    )
}


def install_docs(app: FastAPI) -> None:
    # Neither is async, so they run on a thread: the first compression of a file takes long.
    @app.get("/docs", include_in_schema=False)
    def docs(request: Request) -> Response:
        return asset_of(_HERE / "index.html").response_to(request, {"Cache-Control": "no-store", **PAGE_HEADERS})

    @app.get("/docs/assets/{name}", include_in_schema=False)
    def asset(name: str, request: Request) -> Response:
        return asset_of(_ASSETS[name]).response_to(request) if name in _ASSETS else ErrorResponse(NotFound())
