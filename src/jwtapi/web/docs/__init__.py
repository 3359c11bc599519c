"""GET /docs: Swagger UI, all of it from this server, so that it works on a closed network."""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

_HERE = Path(__file__).parent
_SWAGGER_UI = Path(fastapi_offline.__file__).parent / "static"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


def install_docs(app: FastAPI) -> None:
    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(_HERE / "index.html", headers={"Content-Security-Policy": _POLICY})

    @app.get("/docs/start.js", include_in_schema=False)
    async def start() -> FileResponse:
        return FileResponse(_HERE / "start.js")

    app.mount("/docs/assets", StaticFiles(directory=_SWAGGER_UI), name="swagger-ui")
