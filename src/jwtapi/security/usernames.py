"""When two user names are one, and which names there can be."""

import unicodedata
from dataclasses import dataclass

import precis_i18n

from jwtapi.errors import InvalidInput

MAX_LENGTH = 64
MAX_CANONICAL_LENGTH = 255

_profile = precis_i18n.get_profile("UsernameCaseMapped")


class UsernameInvalid(InvalidInput):
    code = "username_invalid"
    field = "username"
    message = (
        f"Username must have 1 to {MAX_LENGTH} letters, digits or ASCII punctuation; "
        "no spaces, no invisible characters, no emoji, no combining mark at the start"
    )


class UsernameLooksLikeOption(UsernameInvalid):
    message = "Username must not begin with a hyphen"


@dataclass(frozen=True, slots=True)
class Username:
    display: str
    canonical: str
    """The same for names that differ only in case, width or composition: Zoë, ZOË, and Zoe with a combining ¨."""


def parse_username(name: str) -> Username:
    """Canonicalise by NFKC, case folding and RFC 8265 §3.3 (UsernameCaseMapped).

    Raises:
        UsernameInvalid: the name is empty, too long, or has characters that no name may have.
    """
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


def check_new_username(name: Username) -> None:
    """Refuse what a command would take for an option: `user disable --help` would end well and disable nobody.

    Raises:
        UsernameLooksLikeOption
    """
    if name.canonical.startswith("-"):
        raise UsernameLooksLikeOption


def _starts_with_a_mark(name: str) -> bool:
    return unicodedata.category(name[0]).startswith("M")
