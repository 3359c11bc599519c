import re
from typing import Any

import httpx
import pytest

from jwtapi.features.account_page.router import VIEWS
from tests.conftest import RunApi, on_sqlite
from tests.support.api import error_of
from tests.support.pages import modules_of

PATHS = ("/account", *(f"/account/{view}" for view in VIEWS))


def facts(page: str) -> dict[str, str]:
    return dict(re.findall(r'<meta name="(registration|email|password-min-length)" content="(.*?)">', page))


@on_sqlite
async def test_every_view_is_the_same_page_and_loads_only_files_of_this_server(client: httpx.AsyncClient) -> None:
    for path in PATHS:
        page = await client.get(path)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        addresses = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
        assert len(addresses) == 3
        for address in addresses:
            assert "//" not in address
            assert (await client.get(httpx.URL(path).join(address))).status_code == 200


@on_sqlite
async def test_every_module_that_a_module_imports_is_served_as_a_script(client: httpx.AsyncClient) -> None:
    modules = await modules_of(client, "/account/assets/main.js")
    assert len(modules) > 10
    assert "/account/client.js" in modules


@on_sqlite
async def test_the_account_page_runs_no_inline_script_and_is_shown_in_no_other_page(client: httpx.AsyncClient) -> None:
    page = await client.get("/account/reset")
    policy = page.headers["content-security-policy"].split("; ")
    assert sorted(policy) == [
        "base-uri 'none'",
        "connect-src 'self'",
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "img-src 'self' data:",
        "script-src 'self'",
        "style-src 'self'",
    ]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<script[^>]*>[^<]|<style|\sstyle=|\son\w+=", page.text)


@on_sqlite
@pytest.mark.parametrize("path", ("/account", "/account/verify", "/account/client.js", "/account/assets/page.css"))
async def test_the_files_of_the_account_page_are_compressed_and_asked_for_again(
    client: httpx.AsyncClient, path: str
) -> None:
    plain = await client.get(path, headers={"Accept-Encoding": "identity"})
    compressed = await client.get(path, headers={"Accept-Encoding": "gzip, br"})
    assert plain.content == compressed.content
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.headers["vary"] == "Accept-Encoding"
    assert compressed.headers["cache-control"] == "no-cache"
    again = await client.get(path, headers={"If-None-Match": compressed.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = await client.head(path, headers={"Accept-Encoding": "identity"})
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", plain.headers["etag"])


@on_sqlite
@pytest.mark.parametrize(
    "path", ("/account/", "/account/nothing", "/account/assets/index.html", "/account/assets/..%2frouter.py")
)
async def test_nothing_else_is_below_the_account_page(client: httpx.AsyncClient, path: str) -> None:
    assert error_of(await client.get(path))[:2] == (404, "not_found")


@on_sqlite
async def test_the_page_knows_what_the_settings_switch_off(run_api: RunApi) -> None:
    async with run_api() as api:
        page = (await api.client().get("/account")).text
        assert facts(page) == {"registration": "open", "email": "optional", "password-min-length": "8"}
    async with run_api(registration="invite", email_required=True, password_min_length=12) as api:
        page = (await api.client().get("/account")).text
        assert facts(page) == {"registration": "invite", "email": "required", "password-min-length": "12"}
    async with run_api(environment="production", bcrypt_rounds=10, registration="closed") as api:
        page = (await api.client().get("/account/register")).text
        assert facts(page) == {"registration": "closed", "email": "off", "password-min-length": "15"}


@on_sqlite
@pytest.mark.parametrize("path", (*PATHS, "/account/client.js", "/account/assets/main.js"))
async def test_without_the_account_page_its_paths_do_not_exist(run_api: RunApi, path: str) -> None:
    async with run_api(account_page_enabled=False) as api:
        assert error_of(await api.client().get(path))[:2] == (404, "not_found")


@on_sqlite
@pytest.mark.parametrize("path", (*PATHS, "/account/client.js", "/account/assets/main.js"))
async def test_the_page_is_the_same_below_a_path_whatever_the_proxy_does_with_it(run_api: RunApi, path: str) -> None:
    async with run_api() as api:
        at_the_root = await api.client().get(path)
    async with run_api(root_path="/sso") as api:
        kept, removed = await api.client().get(f"/sso{path}"), await api.client().get(path)
        assert kept.text == removed.text == at_the_root.text


@on_sqlite
async def test_an_app_of_another_origin_may_import_the_client(run_api: RunApi) -> None:
    async with run_api(cors_origins="https://app.example.com") as api:
        script = await api.client(Origin="https://app.example.com").get("/account/client.js")
        assert script.headers["access-control-allow-origin"] == "https://app.example.com"


@on_sqlite
async def test_the_page_knows_where_passkeys_work_and_for_how_long_a_device_is_remembered(run_api: RunApi) -> None:
    async def known(**settings: Any) -> list[str]:
        async with run_api(**settings) as api:
            page = (await api.client().get("/account")).text
            return re.findall(r'<meta name="(?:passkey-origins|remember-device)" content="(.*?)">', page)

    assert await known(port=4567) == ["http://localhost:4567", "2592000"]
    elsewhere = {"passkey_origins": "https://app.example.com", "mfa_remember_device": 0}
    assert await known(public_url="https://auth.example.com", **elsewhere) == [
        "https://auth.example.com https://app.example.com",
        "0",
    ]
    assert await known(public_url="http://192.0.2.1:4000") == ["", "2592000"]
