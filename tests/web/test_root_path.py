from typing import Any

import httpx
import pytest

from tests.conftest import RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of

ALICE = {"username": "alice", "password": PASSWORD}


async def outcomes(api: Api, prefix: str) -> list[tuple[int, Any]]:
    """What a user and an operator get, by a proxy that leaves `prefix` in front of each path."""
    client = api.client()

    async def ask(method: str, path: str, **options: Any) -> tuple[int, Any]:
        answer = await client.request(method, prefix + path, **options)
        of_text = answer.headers.get("content-type", "").startswith("text/")
        return answer.status_code, (answer.headers.get("allow"), answer.text if of_text else "")

    await client.post(f"{prefix}/register", json=ALICE)
    token = (await client.post(f"{prefix}/login", json=ALICE)).json()["accessToken"]
    client.headers["Authorization"] = f"Bearer {token}"
    return [
        await ask("GET", "/"),
        await ask("GET", "/profile"),
        await ask("HEAD", "/profile"),
        await ask("GET", "/auth/verify"),
        await ask("GET", "/api/profile"),
        await ask("PATCH", "/api/settings", json={}),
        await ask("GET", "/health/ready"),
        await ask("GET", "/docs"),
        await ask("GET", "/docs/assets/favicon.png"),
        await ask("GET", "/openapi.json"),
        await ask("GET", "/login"),
        await ask("POST", "/api/settings"),
        await ask("GET", "/nowhere"),
        await ask("GET", "/profile%0a"),
        await ask("POST", "/login", json={"username": "alice"}),
    ]


@on_sqlite
@pytest.mark.parametrize("prefix", ("/sso", "/auth", "/api", "/a/b.c/~d", "/sso/docs"))
async def test_every_route_is_served_below_the_root_path_and_without_it(run_api: RunApi, prefix: str) -> None:
    async with run_api() as api:
        at_the_root = await outcomes(api, "")
    async with run_api(root_path=prefix) as api:
        assert await outcomes(api, prefix) == at_the_root  # the proxy leaves the path as it came
        assert await outcomes(api, "") == at_the_root  # the proxy takes it away
        assert (await api.client().get(prefix)).json() == {"message": "API is running"}


@on_sqlite
@pytest.mark.parametrize("path", ("/ssofoo/login", "/sso/sso/", "/sso/sso/docs", "/other/sso/docs", "/SSO/docs"))
async def test_no_other_path_is_served_below_the_root_path(run_api: RunApi, path: str) -> None:
    async with run_api(root_path="/sso") as api:
        assert error_of(await api.client().get(path))[:2] == (404, "not_found")


@on_sqlite
async def test_limits_and_metrics_count_a_route_once_however_it_is_reached(run_api: RunApi) -> None:
    settings: dict[str, Any] = {"root_path": "/sso", "rate_limit_enabled": True, "metrics_enabled": True}
    async with run_api(**settings, login_rate_limit="2/hour") as api:
        client = api.client()
        paths = ("/login", "/sso/login", "/sso/login")
        assert [(await client.post(path, json={})).status_code for path in paths] == [400, 400, 429]
        await client.get("/sso/profile")
        await client.get("/profile")
        counted = (await client.get("/sso/metrics")).text
        assert 'jwtapi_requests_total{method="POST",route="/login",status="400"} 2.0' in counted
        assert 'jwtapi_requests_total{method="GET",route="/profile",status="401"} 2.0' in counted
        assert "/sso" not in counted


@on_sqlite
async def test_the_openapi_document_names_the_path(run_api: RunApi) -> None:
    async with run_api(root_path="/sso") as api:
        for path in ("/openapi.json", "/sso/openapi.json", "/openapi.json"):
            document = (await api.client().get(path)).json()
            assert [server["url"] for server in document["servers"]] == ["/sso"]
            flow = document["components"]["securitySchemes"]["Password"]["flows"]["password"]
            assert (flow["tokenUrl"], flow["refreshUrl"]) == ("/sso/token", "/sso/token")
            assert "/login" in document["paths"]


@on_sqlite
async def test_a_browser_sends_the_cookies_below_the_path_alone(run_api: RunApi) -> None:
    async with run_api(root_path="/sso") as api:
        browser: httpx.AsyncClient = api.client()
        await browser.post("/sso/register", json=ALICE)
        await browser.post("/sso/login", json=ALICE)
        assert error_of(await browser.post("/refresh"))[0] == 401  # what another service of this host gets
        assert (await browser.post("/sso/refresh")).status_code == 200
        assert (await browser.post("/sso/logout")).status_code == 200
        assert error_of(await browser.post("/sso/refresh"))[0] == 401


@on_sqlite
@pytest.mark.parametrize(
    ("settings", "urls"),
    (
        ({"public_url": "https://auth.example.com"}, ["https://auth.example.com", "/"]),
        ({"public_url": "https://example.com/sso", "root_path": "/sso"}, ["https://example.com/sso", "/sso"]),
    ),
)
async def test_the_document_names_the_public_address_whatever_a_request_says_about_its_host(
    run_api: RunApi, settings: dict[str, Any], urls: list[str]
) -> None:
    lies = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    async with run_api(trusted_proxies="203.0.113.7", **settings) as api:
        response = await api.client(**lies).get("/openapi.json")
    assert [server["url"] for server in response.json()["servers"]] == urls
    assert "evil" not in response.text
