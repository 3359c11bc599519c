"""The address of a user that waits for verification, and what the link that verifies it is bound to."""

from dataclasses import dataclass, field

from jwtapi.security.email_addresses import EmailAddress, EmailInvalid, parse_email
from jwtapi.storage.users import User


@dataclass(frozen=True, slots=True)
class PendingEmail:
    address: EmailAddress
    link_state: bytes = field(repr=False)
    """So the link is void after any change of the account, and when another address waits."""


def pending_email_of(user: User) -> PendingEmail | None:
    """Return the address that waits, unless the user may not sign in."""
    if user.pending_email is None or not user.may_sign_in:
        return None
    try:
        address = parse_email(user.pending_email)
    except EmailInvalid:  # an earlier version accepted it
        return None
    return PendingEmail(address, b"\0".join((user.link_state, address.canonical.encode())))
