"""A client by openapi-python-client."""

import os
from uuid import uuid4

from jwtapi_client import AuthenticatedClient
from jwtapi_client.api.account import change_settings, profile
from jwtapi_client.api.auth import login, logout, refresh, register, token
from jwtapi_client.models import (
    AccessToken,
    AccountSettings,
    ErrorBody,
    ErrorCode,
    LoginAnswer,
    LoginRequest,
    Message,
    OAuthErrorBody,
    OAuthTokens,
    Profile,
    RegisterRequest,
    SettingsPatch,
    TokenBody,
    TokenBodyGrantType,
)

PASSWORD = "correct horse battery staple"  # noqa: S105

client = AuthenticatedClient(os.environ["JWTAPI_URL"], token="none yet")  # noqa: S106
alice = f"alice-{uuid4()}"


def sign_with(access_token: str) -> None:
    """Use another access token from now on, with the same cookies."""
    client.get_httpx_client().headers["Authorization"] = f"Bearer {access_token}"


def code_of(error: object) -> ErrorCode:
    assert isinstance(error, ErrorBody | OAuthErrorBody), error
    return error.code


def profile_is_refused() -> bool:
    return code_of(profile.sync(client=client)) == ErrorCode.TOKEN_INVALID


too_short = register.sync(client=client, body=RegisterRequest(alice, "short"))
assert code_of(too_short) == ErrorCode.PASSWORD_TOO_SHORT
registered = register.sync(client=client, body=RegisterRequest(alice, PASSWORD))
assert not isinstance(registered, ErrorBody) and registered is not None and registered.message

wrong = login.sync(client=client, body=LoginRequest(alice, "wrong"))
assert code_of(wrong) == ErrorCode.INVALID_CREDENTIALS
first = login.sync(client=client, body=LoginRequest(alice, PASSWORD))
assert isinstance(first, LoginAnswer) and first.token == first.access_token

sign_with(first.access_token)
mine = profile.sync(client=client)
assert isinstance(mine, Profile) and mine.username == alice
for patch, all_settings in (
    ({"theme": "dark", "size": 9}, {"theme": "dark", "size": 9}),
    ({"size": None}, {"theme": "dark"}),
):
    changed = change_settings.sync(client=client, body=SettingsPatch.from_dict(patch))
    assert isinstance(changed, AccountSettings) and changed.to_dict() == all_settings

second = refresh.sync(client=client)
assert isinstance(second, AccessToken) and second.access_token != first.access_token
sign_with(second.access_token)
assert isinstance(logout.sync(client=client), Message)
assert profile_is_refused()

by_password = token.sync(
    client=client, body=TokenBody(grant_type=TokenBodyGrantType.PASSWORD, username=alice, password=PASSWORD)
)
assert isinstance(by_password, OAuthTokens)
renewed = token.sync(
    client=client,
    body=TokenBody(grant_type=TokenBodyGrantType.REFRESH_TOKEN, refresh_token=by_password.refresh_token),
)
assert isinstance(renewed, OAuthTokens)
sign_with(renewed.access_token)
assert isinstance(profile.sync(client=client), Profile)
assert isinstance(logout.sync(client=client), Message)
assert profile_is_refused()
