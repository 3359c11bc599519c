"""What must hold for every route, also for those that are added later."""

from typing import Any

import pytest

from jwtapi.composition import settings_class
from tests.conftest import MakeSettings, RunApi, on_sqlite
from tests.support.api import PASSWORD, Api, error_of
from tests.support.provoking import real_path
from tests.support.routes import RouteOfApp, changing_routes_of, rate_limited_routes, routes_of

ALICE = {"username": "alice", "password": PASSWORD}
LIMITED_BY_THEMSELVES: dict[RouteOfApp, dict[str, Any]] = {
    RouteOfApp("POST", "/register"): {"json": ALICE},
    RouteOfApp("POST", "/token"): {"data": {"grant_type": "password", **ALICE}},
    RouteOfApp("POST", "/introspect"): {"data": {"token": "a.b.c"}, "auth": ("nobody", "wrong")},
    RouteOfApp("POST", "/revoke"): {"data": {"token": "a.b.c"}, "auth": ("nobody", "wrong")},
}
"""The routes whose endpoint calls `AddressLimiter.admit`, and a request of each that counts."""

LIMITED: dict[RouteOfApp, dict[str, Any]] = {
    # `@rate_limited` counts before the body is read, so every request counts.
    **{route: {} for route in rate_limited_routes()},
    **LIMITED_BY_THEMSELVES,
    RouteOfApp("POST", "/login"): {"json": ALICE},
}
"""The routes that have a limit, and a request of each that counts."""

UNLIMITED = {
    RouteOfApp("POST", "/logout"): "A forged token costs one signature check, and a real one ends one session, once.",
    RouteOfApp("PUT", "/api/password"): "Only a signed-in user can send passwords, and they count by user.",
    RouteOfApp("DELETE", "/api/sessions"): "Each session ends once, and the logins are limited.",
    RouteOfApp("DELETE", "/api/sessions/{id}"): "Each session ends once, and the logins are limited.",
    RouteOfApp("POST", "/api/reauthenticate"): "It has a limit on the account: tests/features/sessions.",
    RouteOfApp("PATCH", "/api/account"): "Other names count by user: tests/features/account/test_renaming.py.",
    RouteOfApp("DELETE", "/api/account"): "Only a signed-in user can send passwords, and they count by user.",
    RouteOfApp("POST", "/api/mfa/totp"): "Only a signed-in user can begin, and each beginning replaces the one before.",
    RouteOfApp("POST", "/api/mfa/totp/confirm"): "Codes count by user: tests/features/mfa.",
    RouteOfApp("DELETE", "/api/mfa/totp"): "It is turned off once.",
    RouteOfApp(
        "POST", "/api/mfa/recovery-codes"
    ): "Only a signed-in user can make codes, which replace those of before.",
    RouteOfApp("DELETE", "/api/mfa/devices"): "Only a signed-in user can forget devices.",
    RouteOfApp("DELETE", "/api/mfa/devices/{id}"): "Each device is forgotten once.",
    RouteOfApp("POST", "/api/passkeys"): "Each challenge is used once, and a user has at most 20 passkeys.",
    RouteOfApp("PATCH", "/api/passkeys/{id}"): "Only a signed-in user can rename, and a user has at most 20 passkeys.",
    RouteOfApp("DELETE", "/api/passkeys/{id}"): "Each passkey is removed once.",
    RouteOfApp("POST", "/api/keys"): "It has a limit on the account: tests/features/api_keys.",
    RouteOfApp("DELETE", "/api/keys/{id}"): "Each key is revoked once, and a user has at most 50 keys.",
    RouteOfApp("DELETE", "/api/password"): "A password is removed once.",
    RouteOfApp("DELETE", "/api/admin/clients/{id}"): "Administrators count by user: tests/features/admin.",
    RouteOfApp("DELETE", "/api/admin/mails/{id}"): "Administrators count by user: tests/features/admin.",
    RouteOfApp("POST", "/api/admin/mails/{id}/retry"): "Administrators count by user: tests/features/admin.",
    RouteOfApp("PATCH", "/api/settings"): "Only a signed-in user can change settings, and the logins are limited.",
    **dict.fromkeys(
        (
            RouteOfApp("POST", "/api/admin/users"),
            RouteOfApp("POST", "/api/admin/invitations"),
            RouteOfApp("PATCH", "/api/admin/users/{user_id}"),
            RouteOfApp("DELETE", "/api/admin/users/{user_id}"),
            RouteOfApp("POST", "/api/admin/users/{user_id}/force-password-reset"),
            RouteOfApp("POST", "/api/admin/users/{user_id}/reset-link"),
            RouteOfApp("POST", "/api/admin/users/{user_id}/reset-mfa"),
            RouteOfApp("DELETE", "/api/admin/users/{user_id}/sessions"),
            RouteOfApp("DELETE", "/api/admin/users/{user_id}/sessions/{session_id}"),
            RouteOfApp("POST", "/api/admin/users/{user_id}/keys"),
            RouteOfApp("DELETE", "/api/admin/users/{user_id}/keys/{key_id}"),
        ),
        "Administrators count by user, all requests together: tests/features/admin/test_administrators.py.",
    ),
}
"""The routes without a limit, each with the reason."""


@on_sqlite
def test_every_route_that_changes_something_is_listed_with_its_limit_or_with_a_reason_for_none(
    make_settings: MakeSettings,
) -> None:
    assert sorted(changing_routes_of(make_settings())) == sorted([*LIMITED, *UNLIMITED])


@on_sqlite
@pytest.mark.parametrize("route", LIMITED, ids=str)
async def test_a_second_request_to_a_limited_route_is_refused_where_the_limit_is_one(
    run_api: RunApi, route: RouteOfApp
) -> None:
    one = {name: "1/hour" for name in settings_class().model_fields if name.endswith("_rate_limit")}
    async with run_api(rate_limit_enabled=True, **one) as api:
        client = api.client()
        first = await client.request(route.method, real_path(route.path), **LIMITED[route])
        second = await client.request(route.method, real_path(route.path), **LIMITED[route])
    assert first.status_code != 429
    assert error_of(second)[0] == 429


@on_sqlite
async def test_every_route_under_api_refuses_a_request_without_an_access_token(api: Api) -> None:
    guarded = [route for route in routes_of(api.services.settings) if route.path.startswith("/api")]
    assert RouteOfApp("PATCH", "/api/settings") in guarded
    for method, path in guarded:
        response = await api.client().request(method, path)
        assert (path, error_of(response)) == (path, (401, "access_token_required", "Access token required"))
