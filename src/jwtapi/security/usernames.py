"""When two user names are one, which names there can be, and which can be taken."""

import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import precis_i18n

from jwtapi.errors import InvalidInput

MAX_LENGTH = 64
MAX_CANONICAL_LENGTH = 255

# Unicode's space separators (Zs). Phones add them to what they complete, and RFC 8266 §2.1 cuts the same.
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
    """The same for names that differ only in case, width or composition: Zoë, ZOË, and Zoe with a combining ¨."""


def parse_username(name: str) -> Username:
    """Canonicalise by NFKC, case folding and RFC 8265 §3.3 (UsernameCaseMapped), without the spaces around.

    Raises:
        UsernameInvalid: the name is empty, too long, or has characters that no name may have.
    """
    name = name.strip(_SPACES)
    # Before the work below, which grows with the length.
    if len(name) > MAX_LENGTH:
        raise UsernameInvalid
    try:
        # Folding can decompose and the profile composes: only what comes out the same again is canonical.
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        canonical = _profile.enforce(folded)
    except UnicodeError:
        raise UsernameInvalid from None
    display = unicodedata.normalize("NFC", name)
    # A few characters become several: ﷺ is eighteen letters.
    if len(display) > MAX_LENGTH or len(canonical) > MAX_CANONICAL_LENGTH:
        raise UsernameInvalid
    # RFC 5891 §4.2.3.2: it would combine with what is written before the name. Folding makes some marks letters.
    if _starts_with_a_mark(display) or _starts_with_a_mark(canonical):
        raise UsernameInvalid
    return Username(display=display, canonical=canonical)


class UsernamePolicy:
    """Which new names are taken. Those that there are stay as they are."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self._reserved = frozenset(_canonical_names(reserved))

    def check(self, name: Username, *, may_be_reserved: bool) -> None:
        """Raises UsernameLooksLikeOption, UsernameOfMixedScripts, UsernameReserved."""
        if name.canonical.startswith("-"):  # `user disable --help` would end well and disable nobody
            raise UsernameLooksLikeOption
        if not name.canonical.isascii():
            from jwtapi.security.scripts import mixes_scripts  # noqa: PLC0415  4 MB that most do without

            if mixes_scripts(name.canonical):
                raise UsernameOfMixedScripts
        if not may_be_reserved and name.canonical in self._reserved:
            raise UsernameReserved


def _canonical_names(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        with suppress(UsernameInvalid):  # nobody can have it anyway
            yield parse_username(name).canonical


def _starts_with_a_mark(name: str) -> bool:
    return unicodedata.category(name[0]).startswith("M")
