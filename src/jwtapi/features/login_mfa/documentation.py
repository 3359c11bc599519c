"""The documentation of the second step of a login for the OpenAPI document."""

from jwtapi.second_factors.documentation import TICKET_ERRORS
from jwtapi.second_factors.errors import TicketInvalid
from jwtapi.sign_in.errors import TooManyLogins
from jwtapi.sign_in.schemas import EXAMPLE_ACCESS_TOKEN
from jwtapi.web.documentation import EXAMPLE_WAIT, RATE_LIMIT, error_responses, json_body, success
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.schemas import FieldError

_NO_TICKET = json_body(FieldError(field="ticket", message="Field required"))

_SIGNED_IN = {
    "accessToken": EXAMPLE_ACCESS_TOKEN,
    "tokenType": "bearer",
    "expiresIn": 900,
    "token": EXAMPLE_ACCESS_TOKEN,
}

COMPLETE = error_responses(*TICKET_ERRORS, CrossOriginRefused(), TooManyLogins(EXAMPLE_WAIT), *_NO_TICKET) | {
    200: success("Signed in.", example=_SIGNED_IN, with_headers=RATE_LIMIT)
}
ENROL = error_responses(TicketInvalid(), CrossOriginRefused(), TooManyLogins(EXAMPLE_WAIT), *_NO_TICKET) | {
    200: success("What an authenticator app needs.", with_headers=RATE_LIMIT)
}
