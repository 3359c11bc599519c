"""The errors of second factors for the OpenAPI document."""

from jwtapi.second_factors.errors import MfaEnrolmentRequired, MfaRequired, SecondFactorInvalid, TicketInvalid
from jwtapi.second_factors.methods import FactorMethod
from jwtapi.second_factors.schemas import EXAMPLE_TICKET

MFA_REQUIRED = MfaRequired(EXAMPLE_TICKET, [FactorMethod.TOTP, FactorMethod.RECOVERY_CODE])
SECOND_FACTOR_REQUIRED = (MFA_REQUIRED, MfaEnrolmentRequired(EXAMPLE_TICKET, [FactorMethod.TOTP]))
"""What a right password gets where a second factor is required."""
TICKET_ERRORS = (TicketInvalid(), SecondFactorInvalid())
