"""The documentation of forgotten and new passwords for the OpenAPI document."""

from typing import Any

from fastapi import Response

from jwtapi.authentication.documentation import RECENT_SIGN_IN_ERRORS
from jwtapi.errors import NotFound, TooManyRequests
from jwtapi.mail.errors import MailUnavailable
from jwtapi.second_factors.ways_in import LastWayIn
from jwtapi.security.password_policy import PasswordRefused, PasswordTooCommon, PasswordTooLong, PasswordTooShort
from jwtapi.security.passwords import Overloaded
from jwtapi.settings import Settings
from jwtapi.sign_in.cookies import AuthCookies
from jwtapi.sign_in.documentation import example_password
from jwtapi.sign_in.errors import WrongPassword
from jwtapi.sign_in.schemas import EXAMPLE_DEVICE_TOKEN
from jwtapi.users.errors import LinkExpired, LinkInvalid
from jwtapi.web.documentation import EXAMPLE_WAIT, RATE_LIMIT, error_responses, json_body, limited_by_account, success
from jwtapi.web.errors import ErrorResponse
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.schemas import FieldError

ASKED = "If there is an account with a verified e-mail address, a mail with a link is on its way to it"
WAS_RESET = "The password was changed. Sign in with the new one."


def _missing(field: str) -> FieldError:
    return FieldError(field=field, message="Field required")


def _of_change(error: PasswordRefused) -> PasswordRefused:
    error.field = "newPassword"
    return error


FORGOT = error_responses(
    CrossOriginRefused(), TooManyRequests(EXAMPLE_WAIT), MailUnavailable(), *json_body(_missing("login"))
) | {202: success("The same, whether or not a mail is sent.", example={"message": ASKED}, with_headers=RATE_LIMIT)}
RESET = error_responses(
    LinkInvalid(),
    LinkExpired(),
    PasswordTooShort(8),
    PasswordTooLong(),
    PasswordTooCommon(),
    CrossOriginRefused(),
    TooManyRequests(EXAMPLE_WAIT),
    Overloaded(),
    *json_body(_missing("token")),
) | {200: success("The password was changed.", example={"message": WAS_RESET}, with_headers=RATE_LIMIT)}
CHANGE = limited_by_account(
    error_responses(
        *RECENT_SIGN_IN_ERRORS,
        WrongPassword(),
        _of_change(PasswordTooShort(8)),
        _of_change(PasswordTooLong()),
        _of_change(PasswordTooCommon()),
        CrossOriginRefused(),
        TooManyRequests(EXAMPLE_WAIT),
        Overloaded(),
        *json_body(_missing("currentPassword")),
    )
) | {204: success("The password was changed.")}
REMOVE = error_responses(*RECENT_SIGN_IN_ERRORS, CrossOriginRefused(), NotFound(), LastWayIn()) | {
    204: success("There is no password any more.")
}

_CHANGE_PATH, _RESET_PATH = "/api/password", "/password/reset"


def complete(document: dict[str, Any], settings: Settings) -> None:
    """Add what depends on the settings: the cookie, and the length of a password."""
    line = Response()
    AuthCookies(settings).set_device_token(line, EXAMPLE_DEVICE_TOKEN)
    change, reset = document["paths"][_CHANGE_PATH]["put"], document["paths"][_RESET_PATH]["post"]
    change["responses"]["204"]["headers"]["Set-Cookie"] = {
        "description": "The device token, which marks a browser that has signed in. The change voids earlier ones.",
        "schema": {"type": "string"},
        "examples": {"device token": {"value": line.headers["set-cookie"]}},
    }
    minimum = settings.password_min_length
    schemas = document["components"]["schemas"]
    for schema, name in (("ResetRequest", "password"), ("ChangeRequest", "newPassword")):
        schemas[schema]["properties"][name] |= {
            "description": f"At least {minimum} characters, of any kind.",
            "minLength": minimum,
        }
    for schema, name in (
        ("ResetRequest", "password"),
        ("ChangeRequest", "newPassword"),
        ("ChangeRequest", "currentPassword"),
    ):
        schemas[schema]["properties"][name]["examples"] = [example_password(minimum)]
    for operation, refusal in ((reset, PasswordTooShort(minimum)), (change, _of_change(PasswordTooShort(minimum)))):
        examples = operation["responses"]["400"]["content"]["application/json"]["examples"]
        examples["password_too_short"]["value"] = ErrorResponse(refusal).content
