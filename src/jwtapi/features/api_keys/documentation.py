"""The documentation of the endpoints of API keys for the OpenAPI document."""

from jwtapi.api_keys.errors import ApiKeyExpiryInvalid, ApiKeyNameInvalid, ApiKeyRolesInvalid, TooManyApiKeys
from jwtapi.authentication.documentation import RECENT_SIGN_IN_ERRORS, SESSION_ERRORS
from jwtapi.errors import NotFound, TooManyRequests
from jwtapi.web.documentation import EXAMPLE_WAIT, error_responses, json_body, limited_by_account, success
from jwtapi.web.origins import CrossOriginRefused
from jwtapi.web.schemas import FieldError

CREATE = limited_by_account(
    error_responses(
        *RECENT_SIGN_IN_ERRORS,
        CrossOriginRefused(),
        ApiKeyNameInvalid(),
        ApiKeyExpiryInvalid(),
        ApiKeyRolesInvalid(),
        TooManyApiKeys(),
        TooManyRequests(EXAMPLE_WAIT),
        *json_body(FieldError(field="name", message="Field required")),
    )
) | {201: success("The key. It is shown only now.")}
LIST = error_responses(*SESSION_ERRORS) | {200: success("The keys.")}
REVOKE = error_responses(*SESSION_ERRORS, CrossOriginRefused(), NotFound()) | {204: success("The key was revoked.")}
