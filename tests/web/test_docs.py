import re

import httpx
import pytest

from tests.conftest import RunApi, on_sqlite
from tests.support.api import error_of


@on_sqlite
async def test_everything_that_the_docs_page_loads_comes_from_this_server(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) == 5
    for address in addresses:
        assert "//" not in address
        assert (await client.get(f"/{address}")).status_code == 200


@on_sqlite
async def test_the_docs_page_allows_no_inline_script_and_no_inline_style(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/docs")).headers["content-security-policy"]
    assert "script-src 'self'; style-src 'self';" in policy


@on_sqlite
async def test_the_files_of_the_docs_page_are_compressed_and_cached(client: httpx.AsyncClient) -> None:
    path = "/docs/assets/swagger-ui-bundle.js"
    plain = await client.get(path, headers={"Accept-Encoding": "identity"})
    compressed = await client.get(path, headers={"Accept-Encoding": "gzip, br"})
    assert plain.content == compressed.content
    assert int(compressed.headers["content-length"]) * 3 < len(plain.content) == int(plain.headers["content-length"])
    assert "content-encoding" not in plain.headers
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.headers["vary"] == "Accept-Encoding"
    assert compressed.headers["cache-control"] == "no-cache"
    again = await client.get(path, headers={"If-None-Match": compressed.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", plain.headers["etag"])
    other = await client.get("/docs/assets/start.js", headers={"If-None-Match": compressed.headers["etag"]})
    assert other.status_code == 200


@on_sqlite
@pytest.mark.parametrize("name", ("redoc.standalone.js", "index.html", "..%2f__init__.py", "%2e%2e/__init__.py"))
async def test_no_file_beside_those_of_the_docs_page_is_served(client: httpx.AsyncClient, name: str) -> None:
    assert error_of(await client.get(f"/docs/assets/{name}"))[:2] == (404, "not_found")


@on_sqlite
@pytest.mark.parametrize("path", ("/docs", "/openapi.json", "/docs/assets/start.js", "/docs/assets/swagger-ui.css"))
async def test_in_production_there_are_no_docs(run_api: RunApi, path: str) -> None:
    async with run_api(environment="production", bcrypt_rounds=10) as api:
        assert error_of(await api.client().get(path))[:2] == (404, "not_found")


@on_sqlite
async def test_every_operation_says_what_it_is_called_and_how_it_can_fail(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    operations = {operation["operationId"]: operation for path in paths.values() for operation in path.values()}
    assert len(operations) == sum(map(len, paths.values()))
    assert operations.keys() >= {
        "root",
        "live",
        "ready",
        "register",
        "login",
        "refresh",
        "logout",
        "token",
        "verify",
        "profile",
        "apiProfile",
        "readAccount",
        "readSettings",
        "changeSettings",
    }
    assert operations["login"]["responses"].keys() == {
        "200",
        "400",
        "401",
        "403",
        "408",
        "413",
        "415",
        "429",
        "500",
        "503",
    }
    for operation in operations.values():
        assert operation["summary"]
        assert "422" not in operation["responses"]
        assert "500" in operation["responses"]
