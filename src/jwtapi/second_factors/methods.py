"""The second factors, and what their use adds to `amr` (RFC 8176)."""

from enum import StrEnum

MFA_GRANT = "urn:jwtapi:oauth:grant-type:mfa"
"""The `grant_type` that sends a second factor to `/token` (RFC 6749 §4.5)."""


class FactorMethod(StrEnum):
    TOTP = "totp"
    """A code of an authenticator app (RFC 6238)."""
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey"
