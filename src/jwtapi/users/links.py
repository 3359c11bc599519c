"""Reads the tokens of links."""

from datetime import datetime

from jwtapi.security.link_tokens import LinkClaims, LinkPurpose, LinkTokens
from jwtapi.security.signed_tokens import ExpiredToken, InvalidToken
from jwtapi.users.errors import LinkExpired, LinkInvalid


def read_link(token: str, purpose: LinkPurpose, now: datetime) -> LinkClaims:
    """Return what a token says. It proves nothing until `LinkTokens.is_right`.

    Raises:
        LinkExpired: the token says so. It may be forged.
        LinkInvalid: the text has not the form of a token.
    """
    try:
        return LinkTokens.decode(token, purpose, now)
    except ExpiredToken:
        raise LinkExpired from None
    except InvalidToken:
        raise LinkInvalid from None
