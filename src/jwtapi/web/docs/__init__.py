"""GET /docs: Swagger UI. All its files come from this server, so that it works without internet access.

This file leans on the folder `static` of fastapi_offline, and on the names of the files in it. Neither is documented.
"""

import gzip
import mimetypes
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse

from jwtapi.errors import NotFound
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

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


@dataclass(frozen=True, slots=True)
class _Asset:
    media_type: str | None
    etag: str
    gzipped: bytes


@cache
def _asset(name: str) -> _Asset:
    """Compress a file at its first request, in about 50 ms, and cache it. All files together take half a MB."""
    content = _ASSETS[name].read_bytes()
    # A weak ETag, because it is the same for the compressed and the plain file (RFC 9110 §8.8.3).
    return _Asset(mimetypes.guess_type(name)[0], f'W/"{sha256(content).hexdigest()[:32]}"', gzip.compress(content))


def install_docs(app: FastAPI) -> None:
    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(_HERE / "index.html", headers={"Content-Security-Policy": _POLICY})

    @app.get("/docs/assets/{name}", include_in_schema=False)
    def asset(name: str, request: Request) -> Response:
        """It is not async, so it runs on a thread: the first compression takes long."""
        if name not in _ASSETS:
            return ErrorResponse(NotFound())
        file = _asset(name)
        # The browser caches the file and asks each time whether it has changed, so an upgrade has effect immediately.
        headers = {"Cache-Control": "no-cache", "ETag": file.etag, "Vary": "Accept-Encoding"}
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(file.gzipped, headers=headers, media_type=file.media_type)
        return Response(gzip.decompress(file.gzipped), headers=headers, media_type=file.media_type)
