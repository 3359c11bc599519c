import re
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, FastAPI

import jwtapi.app  # noqa: F401  defines every error
from jwtapi.web.errors import catalogue, install_error_handlers, status_of
from jwtapi.web.root_path import StripRootPath
from tests.support.api import error_of

TABLE_OF_ERRORS = Path(__file__).parents[2] / "docs/errors.md"


def test_the_table_of_errors_has_a_row_for_each_error_class_and_no_other_row() -> None:
    rows = re.findall(r"^\| \d{3} \| `\w+` \| .+ \|$", TABLE_OF_ERRORS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(f"| {status_of(error)} | `{error.code}` | {error.meaning} |" for error in catalogue())


async def answer_nothing() -> None: ...


def app_with_path_parameters() -> FastAPI:
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    install_error_handlers(app)
    things = APIRouter(prefix="/things")
    for router, method, path in (
        (things, "GET", "/{id}"),
        (things, "DELETE", "/{id}"),
        (things, "PUT", "/special"),
        (things, "GET", "/{id}/parts/{number:int}"),
        (things, "POST", ""),
        (app, "POST", "/direct/{path:path}"),
        (app, "PATCH", "/direct/{name}"),
    ):
        router.add_api_route(path, answer_nothing, methods=[method])
    nesting = APIRouter(prefix="/api")
    nesting.include_router(things)
    app.include_router(nesting)
    return app


PATHS_WITH_METHODS = (
    ("/api/things/5", "DELETE, GET"),
    ("/api/things/special", "DELETE, GET, PUT"),
    ("/api/things/5/parts/6", "GET"),
    ("/api/things", "POST"),
    ("/direct/a", "PATCH, POST"),
    ("/direct/a/b", "POST"),
)


@pytest.mark.parametrize(("path", "allow"), PATHS_WITH_METHODS)
async def test_allow_names_the_methods_of_every_route_that_matches_the_path(path: str, allow: str) -> None:
    app = app_with_path_parameters()
    outer = FastAPI(openapi_url=None)
    outer.mount("/mounted", app_with_path_parameters())
    for asgi_app, prefix in ((app, ""), (StripRootPath(app, "/sso", ()), "/sso"), (outer, "/mounted")):
        transport = httpx.ASGITransport(asgi_app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as client:
            answer = await client.request("TRACE", prefix + path)
        assert error_of(answer) == (405, "method_not_allowed", "Method Not Allowed")
        assert answer.headers["allow"] == allow


@pytest.mark.parametrize("path", ("/api/things/5/parts/six", "/api/things/5/parts", "/direct"))
async def test_a_path_that_no_route_matches_is_not_found(path: str) -> None:
    transport = httpx.ASGITransport(app_with_path_parameters())
    async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as client:
        assert error_of(await client.request("TRACE", path))[:2] == (404, "not_found")
