"""GET /.well-known/change-password (W3C, A Well-Known URL for Changing Passwords)."""

from typing import Any

import pytest

from tests.conftest import RunApi, on_sqlite
from tests.support.api import error_of

PATH = "/.well-known/change-password"


@on_sqlite
@pytest.mark.parametrize(
    ("settings", "page"),
    (
        ({"public_url": "https://auth.example.com"}, "https://auth.example.com/account/password"),
        ({"account_url": "https://app.example/me"}, "https://app.example/me/password"),
        ({"account_url": "https://app.example/me", "account_page_enabled": False}, "https://app.example/me/password"),
    ),
)
async def test_password_managers_are_sent_to_the_page_whatever_host_they_asked_for(
    run_api: RunApi, settings: dict[str, Any], page: str
) -> None:
    async with run_api(**settings) as api:
        for method in ("GET", "HEAD"):
            response = await api.client().request(
                method, PATH, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
            )
            assert (response.status_code, response.headers["location"]) == (302, page)


@on_sqlite
@pytest.mark.parametrize(
    "settings", ({"account_page_enabled": False}, {"environment": "production", "bcrypt_rounds": 10})
)
async def test_without_a_page_that_people_can_reach_there_is_nothing(run_api: RunApi, settings: dict[str, Any]) -> None:
    async with run_api(**settings) as api:
        response = await api.client().get(PATH)
    assert error_of(response) == (404, "not_found", "Not Found")


@on_sqlite
async def test_a_path_below_well_known_that_does_not_exist_is_not_found(run_api: RunApi) -> None:
    """Password managers ask for this one, to learn whether the server answers 200 to everything."""
    async with run_api() as api:
        response = await api.client().get(
            "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"
        )
    assert response.status_code == 404
