"""The errors of the administration, for the OpenAPI document."""

from jwtapi.authentication.documentation import ACCESS_TOKEN_ERRORS
from jwtapi.authentication.errors import RoleRequired, SessionRequired, SignInTooOld
from jwtapi.errors import JwtapiError, NotFound, TooManyRequests
from jwtapi.users.administrators import ADMIN
from jwtapi.web.documentation import EXAMPLE_WAIT, Responses, error_responses, limited_by_account
from jwtapi.web.origins import CrossOriginRefused

NOBODY = NotFound()
"""The error of an id of nobody."""


def reads(*errors: JwtapiError) -> Responses:
    """Make the `responses` of an operation that only reads."""
    every = (*ACCESS_TOKEN_ERRORS, SignInTooOld(), RoleRequired(ADMIN), TooManyRequests(EXAMPLE_WAIT))
    return limited_by_account(error_responses(*every, *errors))


def changes(*errors: JwtapiError) -> Responses:
    """Make the `responses` of an operation that changes something, and that an API key may do."""
    return reads(CrossOriginRefused(), *errors)


def gives(*errors: JwtapiError) -> Responses:
    """Make the `responses` of an operation that needs a recent sign-in."""
    return changes(SessionRequired(), *errors)
