"""The documentation of e-mail addresses for the OpenAPI document."""

from typing import Any

from jwtapi.authentication.documentation import RECENT_SIGN_IN_ERRORS
from jwtapi.authentication.errors import AccessTokenExpired, AccessTokenInvalid, SessionRequired
from jwtapi.errors import TooManyRequests
from jwtapi.features.email.errors import SignInRequired
from jwtapi.mail.errors import MailUnavailable
from jwtapi.security.email_addresses import EmailInvalid
from jwtapi.users.errors import EmailTaken, LinkExpired, LinkInvalid
from jwtapi.web.documentation import EXAMPLE_WAIT, RATE_LIMIT, error_responses, json_body, success
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.schemas import FieldError

VERIFIED = "The e-mail address is confirmed"
ENTERED = "We have sent a link to this address"
CANCELLED = "This is already the address of the account. No other address waits to be confirmed"
UNDONE = "The former e-mail address is back. Now choose a new password, as if you had forgotten it"

_OF_A_LINK = (
    LinkInvalid(),
    LinkExpired(),
    CrossOriginRefused(),
    EmailTaken(),
    TooManyRequests(EXAMPLE_WAIT),
    *json_body(FieldError(field="token", message="Field required")),
)

SIGNED_IN_OR_NOT: dict[str, Any] = {"security": [{"Password": []}, {"AccessToken": []}, {}]}
VERIFY = error_responses(
    *_OF_A_LINK, AccessTokenExpired(), AccessTokenInvalid(), SessionRequired(), SignInRequired()
) | {
    200: success(
        "The address belongs to the account.",
        example={"message": VERIFIED, "username": "alice"},
        with_headers=RATE_LIMIT,
    )
}
UNDO = error_responses(*_OF_A_LINK) | {
    200: success("The former address is back.", example={"message": UNDONE}, with_headers=RATE_LIMIT)
}
CHANGE = error_responses(
    *RECENT_SIGN_IN_ERRORS,
    EmailInvalid(),
    CrossOriginRefused(),
    TooManyRequests(EXAMPLE_WAIT),
    MailUnavailable(),
    *json_body(FieldError(field="email", message="Field required")),
) | {202: success("The address waits to be confirmed.", example={"message": ENTERED}, with_headers=RATE_LIMIT)}
