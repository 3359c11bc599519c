"""The documentation of the endpoints of sessions for the OpenAPI document."""

from typing import Any

from jwtapi.authentication.documentation import SESSION_ERRORS
from jwtapi.errors import NotFound, TooManyRequests
from jwtapi.second_factors.documentation import MFA_REQUIRED, TICKET_ERRORS
from jwtapi.second_factors.errors import MfaUnavailable, PasskeyRefused
from jwtapi.security.passwords import Overloaded
from jwtapi.settings import Settings
from jwtapi.sign_in.documentation import example_password
from jwtapi.sign_in.errors import WrongPassword
from jwtapi.web.documentation import EXAMPLE_WAIT, error_responses, json_body, limited_by_account, success
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.schemas import FieldError

LIST = error_responses(*SESSION_ERRORS) | {200: success("The sessions.")}
END = error_responses(*SESSION_ERRORS, CrossOriginRefused(), NotFound()) | {204: success("The session has ended.")}
END_OTHERS = error_responses(*SESSION_ERRORS, CrossOriginRefused()) | {204: success("They have ended.")}
REAUTHENTICATE = limited_by_account(
    error_responses(
        *SESSION_ERRORS,
        CrossOriginRefused(),
        WrongPassword(),
        MFA_REQUIRED,
        *TICKET_ERRORS,
        PasskeyRefused(),
        MfaUnavailable(),
        TooManyRequests(EXAMPLE_WAIT),
        Overloaded(),
        *json_body(FieldError(field="password", message="Field required")),
    )
) | {200: success("Signed in again.")}


def complete(document: dict[str, Any], settings: Settings) -> None:
    """Make the example the same password as that of the registration."""
    password = document["components"]["schemas"]["ReauthenticateRequest"]["properties"]["password"]
    password["examples"] = [example_password(settings.password_min_length)]
