import re

import httpx
import pytest

from jwtapi.features.admin_page.router import USER_VIEWS, VIEWS
from tests.conftest import RunApi, on_sqlite
from tests.support.api import error_of
from tests.support.pages import modules_of

USER = "/admin/users/8cb2bebe-cdab-4aef-9f59-416964274ffa"
PATHS = ("/admin", USER, *(f"/admin/{view}" for view in VIEWS), *(f"/admin/users/{view}" for view in USER_VIEWS))


@on_sqlite
async def test_every_view_is_the_same_page_and_loads_only_files_of_this_server(client: httpx.AsyncClient) -> None:
    account = await client.get("/account")
    for path in PATHS:
        page = await client.get(path)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert page.headers["content-security-policy"] == account.headers["content-security-policy"]
        assert not re.search(r"<script[^>]*>[^<]|<style|\sstyle=|\son\w+=", page.text)
        addresses = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
        assert len(addresses) == 4
        for address in addresses:
            assert "//" not in address
            assert (await client.get(httpx.URL(path).join(address))).status_code == 200


@on_sqlite
async def test_the_page_needs_no_file_of_the_account_page(run_api: RunApi) -> None:
    async with run_api(account_page_enabled=False, admin_page_enabled=True) as api:
        modules = await modules_of(api.client(), "/admin/assets/main.js")
        assert len(modules) > 30
        assert "/admin/client.js" in modules
        assert {path.rpartition("/")[0] for path in modules} == {"/admin", "/admin/assets"}


@on_sqlite
@pytest.mark.parametrize(
    "path",
    ("/admin/", "/admin/nothing", "/admin/users/nobody", "/admin/users/", "/admin/assets/index.html", f"{USER}/keys"),
)
async def test_nothing_else_is_below_the_admin_page(client: httpx.AsyncClient, path: str) -> None:
    assert error_of(await client.get(path))[:2] == (404, "not_found")


@on_sqlite
@pytest.mark.parametrize(
    ("settings", "status"),
    (
        ({}, 200),
        ({"account_page_enabled": False}, 404),
        ({"admin_page_enabled": False}, 404),
        ({"account_page_enabled": False, "admin_page_enabled": True}, 200),
    ),
)
async def test_without_a_value_of_its_own_the_admin_page_is_on_where_the_account_page_is(
    run_api: RunApi, settings: dict[str, bool], status: int
) -> None:
    async with run_api(**settings) as api:
        for path in (*PATHS, "/admin/client.js", "/admin/assets/main.js"):
            assert (await api.client().get(path)).status_code == status, path


@on_sqlite
async def test_the_page_leads_to_the_account_page_or_to_that_of_the_app(run_api: RunApi) -> None:
    async def account(**settings: object) -> str:
        async with run_api(admin_page_enabled=True, **settings) as api:
            page = (await api.client().get("/admin")).text
            (address,) = re.findall(r'<meta name="account" content="(.*?)">', page)
            return str(address)

    assert await account() == "account"
    assert await account(account_page_enabled=False) == ""
    assert await account(account_url="https://app.example.com/me") == "https://app.example.com/me"


@on_sqlite
async def test_the_page_knows_the_types_of_events(client: httpx.AsyncClient) -> None:
    page = (await client.get("/admin/events")).text
    (types,) = re.findall(r'<meta name="event-types" content="(.*?)">', page)
    assert {"user.disabled", "session.revoked"} <= set(types.split())
