"""The errors of second factors."""

from collections.abc import Mapping, Sequence
from typing import Any

from jwtapi.errors import Conflict, Forbidden, InvalidInput, NotSupported, Unauthenticated
from jwtapi.second_factors.methods import FactorMethod


class SecondFactorRequired(Unauthenticated):
    """The first proof was right. `ticket` takes the second one."""

    def __init__(self, ticket: str, methods: Sequence[FactorMethod]) -> None:
        self.ticket = ticket
        self.methods = methods
        super().__init__()

    @property
    def members(self) -> Mapping[str, Any]:
        return {"ticket": self.ticket, "methods": list(self.methods)}


class MfaRequired(SecondFactorRequired):
    code = "mfa_required"
    meaning = "the password is right; send `ticket` with a second factor, one of `methods`"
    message = "A second factor is required"


class MfaEnrolmentRequired(SecondFactorRequired):
    code = "mfa_enrolment_required"
    meaning = "the password is right, but this user must set up a second factor first (MFA_REQUIRED)"
    message = "Set up a second factor to sign in"


class TicketInvalid(Unauthenticated):
    code = "mfa_ticket_invalid"
    meaning = "the ticket is unknown, expired, used, used up or void: begin again with the password"
    message = "Sign in again"


class SecondFactorInvalid(Unauthenticated):
    code = "mfa_invalid"
    meaning = "the second factor is wrong, or was used before"
    message = "The code or passkey is not valid"


class MfaUnavailable(NotSupported):
    code = "mfa_unavailable"
    meaning = "this server is not set up for this second factor"
    message = "This second factor is not available here"


class MfaCodeWrong(Forbidden):
    """Not Unauthenticated: a client would refresh its access token, and send the same code again."""

    code = "mfa_code_wrong"
    meaning = "the code is wrong, or was used before"
    message = "Wrong code"


class TotpOn(Conflict):
    code = "totp_on"
    meaning = "there is an authenticator app already: turn it off first"
    message = "An authenticator app is set up already"


class TotpNotBegun(Conflict):
    code = "totp_not_begun"
    meaning = "no authenticator app is being set up, or for more than an hour: begin again"
    message = "Begin again"


class PasskeyRefused(Unauthenticated):
    code = "passkey_invalid"
    meaning = "the passkey is unknown here, or its answer is not right; the response does not reveal which"
    message = "The passkey is not valid"


class PasskeyNotAccepted(InvalidInput):
    code = "passkey_not_accepted"
    meaning = "the new passkey is not right: begin again"
    message = "The passkey could not be added"


class TooManyPasskeys(Conflict):
    code = "too_many_passkeys"
    meaning = "the user has as many passkeys as a user can have: remove one first"
    message = "There are too many passkeys"


class MfaOff(Conflict):
    code = "mfa_off"
    meaning = "recovery codes need a second factor, and this user has none"
    message = "There is no second factor"
