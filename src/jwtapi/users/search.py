"""Reads what somebody types to find users."""

import unicodedata
from contextlib import suppress
from uuid import UUID

from jwtapi.security.email_addresses import EmailInvalid, parse_email
from jwtapi.security.usernames import UsernameInvalid, parse_username
from jwtapi.storage.user_search import Sought

MAX_SOUGHT = 320
"""Characters. The longest address is not longer."""


def sought_by(typed: str) -> Sought | None:
    """Return what the text searches for: the beginning of a name or of an address, an id, or an external id.

    None if it has only spaces, or is longer than MAX_SOUGHT.
    """
    text = typed.strip()
    if not text or len(text) > MAX_SOUGHT:
        return None
    # The beginning of a name need not be a name: in text from right to left, the end decides too.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    name, emails = folded, [unicodedata.normalize("NFC", text.casefold())]
    with suppress(UsernameInvalid):
        name = parse_username(text).canonical
    with suppress(EmailInvalid):
        # A whole address, whose domain may be written in Unicode. It may also be the beginning of a longer one.
        emails.append(parse_email(text).canonical)
    user_id = None
    with suppress(ValueError):
        user_id = UUID(text)
    return Sought(name, list(dict.fromkeys(emails)), text, user_id)
