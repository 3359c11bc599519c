"""The documentation of the feed for the OpenAPI document."""

from jwtapi.authentication.errors import AccessTokenExpired, AccessTokenInvalid
from jwtapi.clients.errors import InsufficientScope, InvalidClient, InvalidRequest
from jwtapi.clients.schemas import ErrorBodyForClients
from jwtapi.clients.scopes import Scope
from jwtapi.errors import TooManyRequests
from jwtapi.features.revocations.errors import TooManyWaiting
from jwtapi.features.revocations.service import MAX_WAIT
from jwtapi.web.documentation import EXAMPLE_WAIT, error_responses, limited_by_account, success
from jwtapi.web.errors import ValidationFailed

# Answers to GET do not show the limit on wrong secrets.
REVOCATIONS = limited_by_account(
    error_responses(
        ValidationFailed([{"field": "wait", "message": f"Input should be a whole number from 0 to {MAX_WAIT}"}]),
        InvalidRequest("There are two Authorization headers"),
        InvalidClient(),
        AccessTokenExpired(),
        AccessTokenInvalid(),
        InsufficientScope(Scope.REVOCATIONS),
        TooManyRequests(EXAMPLE_WAIT),
        TooManyWaiting(),
    )
) | {200: success("What has ended, or nothing.")}
for _status in (400, 401, 403):
    REVOCATIONS[_status]["model"] = ErrorBodyForClients
