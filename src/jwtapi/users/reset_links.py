"""Makes the link by which a user sets a new password."""

from datetime import datetime, timedelta

from jwtapi.mail.links import Links
from jwtapi.security.link_tokens import LinkPurpose, LinkTokens
from jwtapi.storage.users import User

VALID_MINUTES = 30


def reset_link(user: User, links: Links, tokens: LinkTokens, now: datetime) -> str:
    """Return the link. It works once, and is void after any change of password, address or state."""
    token = tokens.issue(
        LinkPurpose.RESET_PASSWORD,
        user.id,
        bound_to=user.link_state,
        expires_at=now + timedelta(minutes=VALID_MINUTES),
    )
    return links.page("reset", token=token, account=user.username)
