"""The documentation of the endpoints of second factors for the OpenAPI document."""

from jwtapi.authentication.documentation import SESSION_ERRORS
from jwtapi.authentication.errors import SignInTooOld
from jwtapi.errors import NotFound
from jwtapi.second_factors.errors import MfaCodeWrong, MfaOff, TotpNotBegun, TotpOn
from jwtapi.sign_in.errors import TooManyLogins
from jwtapi.web.documentation import EXAMPLE_WAIT, error_responses, json_body, limited_by_account, success
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.schemas import FieldError

_CHANGE = (*SESSION_ERRORS, CrossOriginRefused())
_FRESH = (*_CHANGE, SignInTooOld())

STATE = error_responses(*SESSION_ERRORS) | {200: success("The second factors.")}
BEGIN = limited_by_account(error_responses(*_FRESH, TotpOn(), TooManyLogins(EXAMPLE_WAIT))) | {
    200: success("What an authenticator app needs.")
}
CONFIRM = limited_by_account(
    error_responses(
        *_FRESH,
        MfaCodeWrong(),
        TotpNotBegun(),
        TooManyLogins(EXAMPLE_WAIT),
        *json_body(FieldError(field="code", message="Field required")),
    )
) | {200: success("The authenticator app is set up. If it is the first factor, there are recovery codes.")}
REMOVE = error_responses(*_FRESH, NotFound()) | {204: success("It is turned off, and all other sessions end.")}
NEW_CODES = error_responses(*_FRESH, MfaOff()) | {200: success("The codes. All older ones are void.")}
DEVICES = error_responses(*SESSION_ERRORS) | {200: success("The devices.")}
FORGET = error_responses(*_CHANGE, NotFound()) | {204: success("The device is forgotten.")}
FORGET_ALL = error_responses(*_CHANGE) | {204: success("They are forgotten.")}
