"""Decides which e-mail addresses are valid, and which of them are the same address.

email-validator checks the syntax (RFC 5321, 5322, 6531, 5891), and no name server is asked. But it accepts letters that
look like others, such as an i without its dot, ligatures, and letters in circles. So this file checks the rest.
"""

import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from jwtapi.errors import InvalidInput

MAX_LENGTH = 254
"""Octets of a path without its angle brackets (RFC 5321 §4.5.3.1.3)."""

_SPECIAL = ("invalid", "localhost", "onion", "arpa", "local")
"""Top-level domains to which no mail is ever sent (RFC 6761). `.test` is accepted, for trials."""


class EmailInvalid(InvalidInput):
    code = "email_invalid"
    meaning = "this is no e-mail address to which mail can be sent"
    field = "email"
    message = "This is not a valid e-mail address"


@dataclass(frozen=True, slots=True)
class EmailAddress:
    display: str
    """As the user wrote it, except for the domain, which is in lower case and in Unicode. Mail is sent to it."""
    canonical: str
    """Equal for addresses that differ only in case, in composition, or in how the domain is written."""


def parse_email(text: str) -> EmailAddress:
    """Remove surrounding spaces, check the address, and find its canonical form.

    Raises:
        EmailInvalid
    """
    text = text.strip(" ")
    # Check this first, because the work below grows with the length.
    if len(text) > MAX_LENGTH or len(text.encode(errors="replace")) > MAX_LENGTH or not text.isprintable():
        raise EmailInvalid
    try:
        found = validate_email(text, check_deliverability=False, strict=True, test_environment=True)
    except (EmailNotValidError, UnicodeError):
        raise EmailInvalid from None
    local, domain, ascii_domain = found.local_part, found.domain, found.ascii_domain
    if domain.rpartition(".")[2] in _SPECIAL or unicodedata.normalize("NFKC", local) != local or _mixes_scripts(local):
        raise EmailInvalid
    # Mail servers may distinguish local parts by case, but those in use do not. Two accounts for one mailbox would be
    # worse than to refuse an account to a mailbox that differs only in case.
    return EmailAddress(f"{local}@{domain}", f"{unicodedata.normalize('NFC', local.casefold())}@{ascii_domain}")


def _mixes_scripts(local: str) -> bool:
    if local.isascii():
        return False
    from jwtapi.security.scripts import mixes_scripts  # noqa: PLC0415  it takes 4 MB, and most servers never need it

    return mixes_scripts(local) or any(_folds_to_ascii(letter) for letter in local if not letter.isascii())


def _folds_to_ascii(letter: str) -> bool:
    """Return whether mail systems may take the letter for one of ASCII, as the i without its dot becomes I."""
    return letter.casefold().isascii() or letter.upper().isascii() or letter.lower().isascii()
