from collections.abc import MutableMapping, Sequence
from typing import Any

import pytest
import structlog

from jwtapi.log_fields import MAX_TEXT
from tests.conftest import RunApi, on_sqlite
from tests.support.api import BASE_URL, PASSWORD, error_of, register

RIGHT = {"username": "alice", "password": PASSWORD}
OTHER_SITE = "https://app.example.org"


def warnings(logs: Sequence[MutableMapping[str, Any]]) -> list[str]:
    return [entry["event"] for entry in logs if entry["log_level"] == "warning"]


@on_sqlite
@pytest.mark.parametrize(
    ("settings", "headers", "warning"),
    (
        ({}, {"Origin": OTHER_SITE, "Sec-Fetch-Site": "cross-site"}, "the page is on another site"),
        ({"cookie_samesite": "lax"}, {"Origin": OTHER_SITE, "Sec-Fetch-Site": "cross-site"}, "on another site"),
        ({"cookie_secure": True}, {"Origin": BASE_URL}, "calls this server over plain http"),
        ({"cookie_secure": True}, {"Origin": BASE_URL, "X-Forwarded-Proto": "http"}, "over plain http"),
        ({}, {"Origin": OTHER_SITE, "Sec-Fetch-Site": "same-site", "Authorization": "Bearer x"}, "but no cookie"),
        ({}, {"Origin": BASE_URL, "Sec-Fetch-Site": "same-origin", "Authorization": "Bearer x"}, "but no cookie"),
        ({}, {"Origin": BASE_URL, "X-Forwarded-Proto": "https"}, "COOKIE_SECURE is false"),
        ({"trusted_proxies": ""}, {"Origin": "https://api.example"}, "COOKIE_SECURE is false"),
    ),
)
async def test_each_cause_of_a_lost_cookie_is_logged_once_with_its_remedy(
    run_api: RunApi, settings: dict[str, Any], headers: dict[str, str], warning: str
) -> None:
    usual = {"cors_origins": OTHER_SITE, "trusted_proxies": "203.0.113.7"}
    async with run_api(**(usual | settings)) as api:
        await register(api.client())
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                assert (await api.client(**headers).post("/login", json=RIGHT)).status_code == 200
                assert error_of(await api.client(**headers).post("/refresh"))[0] == 401
        (said,) = warnings(logs)
        assert warning in said
        entry = next(entry for entry in logs if entry["event"] == said)
        assert (entry["page"], entry["server"]) == (headers["Origin"], "api.example")
        assert "Bearer" not in repr(entry)
        assert all(len(str(value)) <= MAX_TEXT for value in entry.values())  # none is cut in the log


@on_sqlite
@pytest.mark.parametrize(
    ("settings", "headers"),
    (
        ({}, {}),  # curl
        ({"cookie_secure": True}, {}),
        ({}, {"Authorization": "Bearer x"}),
        ({}, {"Origin": BASE_URL}),  # over plain http, as in the first five minutes
        ({}, {"Origin": OTHER_SITE, "Sec-Fetch-Site": "same-site"}),
        ({"cookie_secure": True}, {"Origin": BASE_URL, "X-Forwarded-Proto": "https"}),
        ({"cookie_secure": True}, {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"}),
        ({"cookie_secure": True, "trusted_proxies": ""}, {"Origin": "https://api.example"}),
        ({"cookie_secure": True, "cookie_samesite": "none"}, {"Origin": OTHER_SITE, "Sec-Fetch-Site": "cross-site"}),
    ),
)
async def test_nothing_is_logged_about_cookies_that_browsers_store(
    run_api: RunApi, settings: dict[str, Any], headers: dict[str, str]
) -> None:
    usual = {"cors_origins": f"{OTHER_SITE},http://localhost:3000", "trusted_proxies": "203.0.113.7"}
    async with run_api(**(usual | settings)) as api:
        client = api.client(**headers)
        await register(client)
        with structlog.testing.capture_logs() as logs:
            assert (await client.post("/login", json=RIGHT)).status_code == 200
            await api.client(**{name: headers[name] for name in headers if name != "Authorization"}).post("/refresh")
        assert warnings(logs) == []


@on_sqlite
async def test_refused_requests_with_lost_cookies_do_not_fill_the_log(run_api: RunApi) -> None:
    async with run_api(cors_origins=OTHER_SITE) as api:
        stranger = api.client(**{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
        with structlog.testing.capture_logs() as logs:
            for path in ("/login", "/refresh"):
                assert error_of(await stranger.post(path, json=RIGHT))[0] == 403
        assert warnings(logs) == []
