"""The documentation of the account for the OpenAPI document."""

from typing import Any

from fastapi import Response

from jwtapi.authentication.documentation import ACCESS_TOKEN_ERRORS, RECENT_SIGN_IN_ERRORS
from jwtapi.errors import TooManyRequests
from jwtapi.features.account.errors import SettingsTooLarge
from jwtapi.security.passwords import Overloaded
from jwtapi.security.usernames import UsernameInvalid, UsernameReserved
from jwtapi.settings import Settings
from jwtapi.sign_in.cookies import AuthCookies
from jwtapi.sign_in.documentation import example_password
from jwtapi.sign_in.errors import WrongPassword
from jwtapi.users.errors import LastAdministrator, UsernameTaken
from jwtapi.web.documentation import EXAMPLE_WAIT, error_responses, json_body, limited_by_account, success
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.schemas import EXAMPLE_ID, EXAMPLE_TIME, FieldError

_EXAMPLE_EXPORT = {
    "exportedAt": EXAMPLE_TIME,
    "account": {"id": EXAMPLE_ID, "username": "carol", "verifiedEmail": None, "settings": {}},
    "sessions": [{"id": EXAMPLE_ID, "createdAt": EXAMPLE_TIME, "address": "203.0.113.7"}],
    "events": [
        {"id": 1, "at": EXAMPLE_TIME, "type": "user.registered", "address": "203.0.113.7"},
        {"id": 2, "at": EXAMPLE_TIME, "type": "login.succeeded", "address": "203.0.113.7"},
    ],
    "mails": [],
    "invitations": [],
    "totp_secrets": [],
    "recovery_codes": [],
    "passkeys": [],
    "remembered_devices": [],
    "api_keys": [],
}


CHANGE_SETTINGS = error_responses(
    *ACCESS_TOKEN_ERRORS,
    CrossOriginRefused(),
    SettingsTooLarge(),
    *json_body(FieldError(field="", message="Input should be a valid dictionary")),
) | {200: success("All settings, changed.")}
RENAME = limited_by_account(
    error_responses(
        *RECENT_SIGN_IN_ERRORS,
        CrossOriginRefused(),
        UsernameInvalid(),
        UsernameReserved(),
        UsernameTaken(),
        TooManyRequests(EXAMPLE_WAIT),
        *json_body(FieldError(field="username", message="Input should be a valid string")),
    )
) | {200: success("The account, changed.")}
DELETE = limited_by_account(
    error_responses(
        *RECENT_SIGN_IN_ERRORS,
        CrossOriginRefused(),
        WrongPassword(),
        LastAdministrator(),
        TooManyRequests(EXAMPLE_WAIT),
        Overloaded(),
        *json_body(FieldError(field="password", message="Field required")),
    )
) | {204: success("The account was deleted.")}
EXPORT = limited_by_account(error_responses(*RECENT_SIGN_IN_ERRORS, TooManyRequests(EXAMPLE_WAIT))) | {
    200: success("All that is kept of the user.", example=_EXAMPLE_EXPORT)
}
EXPORT[200]["headers"]["Content-Disposition"] = {
    "description": "Makes browsers save the export as a file.",
    "schema": {"type": "string"},
    "example": 'attachment; filename="account.json"',
}


def complete(document: dict[str, Any], settings: Settings) -> None:
    """Add what depends on the settings: the cookie, and the length of a password."""
    removed = Response()
    AuthCookies(settings).clear_refresh_token(removed)
    document["paths"]["/api/account"]["delete"]["responses"]["204"]["headers"]["Set-Cookie"] = {
        "description": "Removes the refresh token.",
        "schema": {"type": "string"},
        "examples": {"no token": {"value": removed.headers["set-cookie"]}},
    }
    password = document["components"]["schemas"]["DeleteAccountRequest"]["properties"]["password"]
    password["examples"] = [example_password(settings.password_min_length)]
