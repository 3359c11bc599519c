"""Decides which user names are valid, which of them are the same name, and which can be registered."""

import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import precis_i18n

from jwtapi.errors import InvalidInput

MAX_LENGTH = 64
MAX_CANONICAL_LENGTH = 255

# Unicode's space separators (Zs). Phones add a space after a completed word. RFC 8266 §2.1 removes the same characters.
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"

_profile = precis_i18n.get_profile("UsernameCaseMapped")


class UsernameInvalid(InvalidInput):
    code = "username_invalid"
    meaning = "the user name has characters that names may not have, mixes scripts, or is too long"
    field = "username"
    message = (
        f"Username must have 1 to {MAX_LENGTH} letters, digits or ASCII punctuation; "
        "no spaces, no invisible characters, no emoji, no combining mark at the start"
    )


class UsernameLooksLikeOption(UsernameInvalid):
    message = "Username must not begin with a hyphen"


class UsernameLooksLikeAddress(UsernameInvalid):
    message = "Username must not contain @, because it would look like an e-mail address"


class UsernameOfMixedScripts(UsernameInvalid):
    message = "Username must not mix letters of different scripts, such as Latin and Cyrillic"


class UsernameReserved(InvalidInput):
    code = "username_reserved"
    meaning = "nobody can register this user name (RESERVED_USERNAMES)"
    field = "username"
    message = "This username is reserved"


@dataclass(frozen=True, slots=True)
class Username:
    display: str
    canonical: str
    """Equal for names that differ only in case, width or composition: Zoë, ZOË, and Zoe with a combining ¨."""


def parse_username(name: str) -> Username:
    """Remove surrounding spaces, and canonicalise by NFKC, case folding and RFC 8265 §3.3 (UsernameCaseMapped).

    Raises:
        UsernameInvalid: the name is empty, too long, or has characters that no name may have.
    """
    name = name.strip(_SPACES)
    # Check this first, because the work below grows with the length.
    if len(name) > MAX_LENGTH:
        raise UsernameInvalid
    try:
        # Case folding can decompose characters, and NFKC composes them again. So a canonical name stays as it is.
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        canonical = _profile.enforce(folded)
    except UnicodeError:
        raise UsernameInvalid from None
    display = unicodedata.normalize("NFC", name)
    # Check again, because some characters become several: ﷺ becomes eighteen letters.
    if len(display) > MAX_LENGTH or len(canonical) > MAX_CANONICAL_LENGTH:
        raise UsernameInvalid
    # RFC 5891 §4.2.3.2: the mark would combine with the text before the name. Check both forms, because case folding
    # turns some marks into letters.
    if _starts_with_a_mark(display) or _starts_with_a_mark(canonical):
        raise UsernameInvalid
    return Username(display=display, canonical=canonical)


class UsernamePolicy:
    """Decides which valid names can be registered. Existing users keep their names."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self._reserved = frozenset(_canonical_names(reserved))

    def check(self, name: Username, *, may_be_reserved: bool) -> None:
        """Raises UsernameLooksLikeOption, UsernameLooksLikeAddress, UsernameOfMixedScripts, UsernameReserved."""
        if name.canonical.startswith("-"):  # `jwtapi user disable --help` would exit with 0 and disable nobody
            raise UsernameLooksLikeOption
        if "@" in name.canonical:  # both are typed into the same field to sign in
            raise UsernameLooksLikeAddress
        if not name.canonical.isascii():
            from jwtapi.security.scripts import mixes_scripts  # noqa: PLC0415  it takes 4 MB, and most servers never need it

            if mixes_scripts(name.canonical):
                raise UsernameOfMixedScripts
        if not may_be_reserved and name.canonical in self._reserved:
            raise UsernameReserved


def _canonical_names(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        with suppress(UsernameInvalid):  # nobody can register an invalid name
            yield parse_username(name).canonical


def _starts_with_a_mark(name: str) -> bool:
    return unicodedata.category(name[0]).startswith("M")
