"""The documentation of the endpoints of passkeys for the OpenAPI document."""

from jwtapi.authentication.documentation import SESSION_ERRORS
from jwtapi.authentication.errors import SignInTooOld
from jwtapi.errors import NotFound, TooManyRequests
from jwtapi.features.passkeys.schemas import EXAMPLE_CREATION_OPTIONS, EXAMPLE_REQUEST_OPTIONS
from jwtapi.second_factors.errors import (
    MfaUnavailable,
    PasskeyNotAccepted,
    PasskeyRefused,
    TicketInvalid,
    TooManyPasskeys,
)
from jwtapi.second_factors.ways_in import LastWayIn
from jwtapi.sign_in.errors import TooManyLogins
from jwtapi.web.documentation import EXAMPLE_WAIT, RATE_LIMIT, error_responses, json_body, success
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.schemas import FieldError

_CHANGE = (*SESSION_ERRORS, CrossOriginRefused())
_FRESH = (*_CHANGE, SignInTooOld())
_NO_CREDENTIAL = json_body(FieldError(field="credential", message="Field required"))

LOGIN_OPTIONS = error_responses(
    TicketInvalid(),
    CrossOriginRefused(),
    TooManyRequests(EXAMPLE_WAIT),
    MfaUnavailable(),
    *json_body(FieldError(field="ticket", message="Input should be a valid string")),
) | {200: success("The options.", example=EXAMPLE_REQUEST_OPTIONS, with_headers=RATE_LIMIT)}
LOGIN = error_responses(
    PasskeyRefused(),
    CrossOriginRefused(),
    TooManyLogins(EXAMPLE_WAIT),
    MfaUnavailable(),
    *_NO_CREDENTIAL,
) | {200: success("Signed in.", with_headers=RATE_LIMIT)}
LIST = error_responses(*SESSION_ERRORS, MfaUnavailable()) | {200: success("The passkeys.")}
OPTIONS = error_responses(*_FRESH, TooManyPasskeys(), TooManyRequests(EXAMPLE_WAIT), MfaUnavailable()) | {
    200: success("The options.", example=EXAMPLE_CREATION_OPTIONS, with_headers=RATE_LIMIT)
}
ADD = error_responses(*_FRESH, PasskeyNotAccepted(), TooManyPasskeys(), MfaUnavailable(), *_NO_CREDENTIAL) | {
    201: success("The passkey was added. With the first second factor, there are recovery codes.")
}
RENAME = error_responses(*_CHANGE, NotFound(), *json_body(FieldError(field="name", message="Field required"))) | {
    200: success("The passkey.")
}
REMOVE = error_responses(*_FRESH, NotFound(), LastWayIn()) | {
    204: success("It is gone, and all other sessions have ended.")
}
RELATED = error_responses(NotFound(), storage=False) | {200: success("The origins.")}
