"""Which user names somebody can have: the one of the source, or one that is made from the e-mail address.

A name must not look like an address, because both are typed into the same field to sign in. Many systems have the
address as the name.

The made name is what stands before the `@`, up to a `+`: `alice` for alice+news@example.com. If that is not free, or if
several users of the file would have it, six letters and digits follow: `alice-k3f9a2`. They depend on the address
alone, so that the same user gets the same name when the file is imported again.
"""

from base64 import b32encode
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from jwtapi.importing.records import Record, RecordInvalid
from jwtapi.security.email_addresses import EmailAddress
from jwtapi.security.usernames import Username, UsernameInvalid, UsernamePolicy, UsernameReserved, parse_username

_SUFFIX = 6
_MAX_BASE = 48
"""Characters before the suffix."""

_DIGITS = 2
"""Of the number of a renamed user."""

_FALLBACK = "user"
"""What is before the suffix if no letter of the address can be in a name."""


@dataclass(frozen=True, slots=True)
class Naming:
    own: Username | None
    """The name of the source."""
    plain: Username | None = None
    """The made name without a suffix. None if it is reserved, such as `admin`."""
    suffixed: Username | None = None

    @property
    def is_made(self) -> bool:
        return self.own is None

    @property
    def surest(self) -> Username:
        """The name that nobody else in the file may have."""
        name = self.own or self.suffixed
        if name is None:
            raise ValueError("a made name has a form with a suffix")
        return name


def naming_of(record: Record, address: EmailAddress | None, policy: UsernamePolicy) -> Naming:
    """Return the names that the user can have.

    Raises:
        RecordInvalid: the name is none, or there is neither a name nor an address.
    """
    if record.username is None:
        if address is None:
            raise RecordInvalid("there is neither a user name nor an e-mail address")
        return _made_from(address.display, address.canonical, policy)
    try:
        name = parse_username(record.username)
    except UsernameInvalid as error:
        if "@" in record.username:  # an address can be longer than a name
            return _made_from(record.username, record.username.casefold(), policy)
        raise RecordInvalid(f"user name: {error.message}") from None
    if "@" in name.canonical:
        return _made_from(record.username, name.canonical, policy)
    try:
        policy.check(name, may_be_reserved=True)
    except UsernameInvalid as error:
        raise RecordInvalid(f"user name: {error.message}") from None
    return Naming(own=name)


def numbered(name: Username, numbers: range) -> list[Username]:
    """Return the name with each of the numbers, such as `bob-2`."""
    found = []
    for number in numbers:
        with suppress(UsernameInvalid):  # some scripts allow no digit at the end
            found.append(parse_username(f"{name.display[:_MAX_BASE]}-{number}"))
    return found


def is_renamed(canonical: str, name: Username) -> bool:
    """Return whether a name may be one of `numbered`."""
    _, hyphen, number = canonical.rpartition("-")
    if not hyphen or not number.isascii() or not number.isdigit() or len(number) > _DIGITS:
        return False
    return any(other.canonical == canonical for other in numbered(name, range(int(number), int(number) + 1)))


def _made_from(address: str, canonical: str, policy: UsernamePolicy) -> Naming:
    before_at = address.strip().partition("@")[0].partition("+")[0].lstrip("-")[:_MAX_BASE]
    digest = b32encode(sha256(canonical.encode(errors="replace")).digest()).decode().lower()
    for base in (before_at, _FALLBACK):
        with suppress(UsernameInvalid):
            suffixed = parse_username(f"{base}-{digest[:_SUFFIX]}")
            policy.check(suffixed, may_be_reserved=True)
            return Naming(own=None, plain=_plain(base, policy), suffixed=suffixed)
    raise RecordInvalid("no user name can be made from the e-mail address")


def _plain(base: str, policy: UsernamePolicy) -> Username | None:
    if base == _FALLBACK:
        return None
    try:
        name = parse_username(base)
        policy.check(name, may_be_reserved=False)
    except (UsernameInvalid, UsernameReserved):
        return None
    return name
