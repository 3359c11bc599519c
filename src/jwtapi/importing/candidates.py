"""Checks a record, before any database is asked: everything that can be wrong with one user alone."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from jwtapi.importing.naming import Naming, naming_of
from jwtapi.importing.options import ImportOptions, Part
from jwtapi.importing.records import PasswordHash, Record, RecordInvalid, TotpSource
from jwtapi.security.email_addresses import EmailAddress, EmailInvalid, parse_email
from jwtapi.security.totp import canonical_secret
from jwtapi.security.usernames import UsernamePolicy
from jwtapi.users.administrators import ADMIN
from jwtapi.users.errors import MetadataInvalid
from jwtapi.users.metadata import parse_metadata
from jwtapi.users.roles import RolesInvalid, parse_roles

T = TypeVar("T")

MADE_NAME = "the user name is made from the e-mail address"
"""The note of a user who has a name that the other system did not have."""

_MAX_ID = 255
_UUID_LENGTH = 36
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(days=1)
_DIGITS, _PERIOD, _ALGORITHM = 6, 30, "SHA1"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A user who can be imported, unless somebody else has the name, the address or the id."""

    naming: Naming
    email: EmailAddress | None
    is_verified: bool
    password_hash: PasswordHash | None
    external_id: str | None
    user_id: UUID | None
    """The id of the source, if it is a UUID."""
    roles: list[str]
    created_at: datetime | None
    disabled: bool
    metadata: dict[str, Any]
    totp_secret: str | None = field(repr=False)
    """In base32."""
    notes: tuple[str, ...] = ()
    """What is not taken over as it is."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What no two users of a file may share."""

    naming: Naming
    verified_email: str | None
    """The canonical address, if it will be verified."""
    external_id: str | None


class Checking:
    def __init__(
        self, usernames: UsernamePolicy, options: ImportOptions, now: datetime, token_claims: Collection[str]
    ) -> None:
        """`token_claims` are the members of metadata that access tokens contain."""
        self._usernames = usernames
        self._token_claims = token_claims
        self._options = options
        self._now = now

    def check(self, record: Record) -> Candidate:
        """Return what will be stored.

        Raises:
            RecordInvalid: something cannot be stored, and the operator does not let it be left out.
        """
        notes: list[str] = []
        email = self._email(record, notes)
        naming = naming_of(record, email, self._usernames)
        if naming.is_made:
            notes.append(MADE_NAME)
        external_id = self._external_id(record)
        return Candidate(
            naming=naming,
            email=email,
            is_verified=email is not None and self._is_verified(record),
            password_hash=record.password_hash,
            external_id=external_id,
            user_id=_uuid(record.id),
            roles=self._roles(record, notes),
            created_at=self._created_at(record),
            disabled=record.disabled,
            metadata=self._dropping(Part.METADATA, lambda: _metadata(record.metadata, self._token_claims), {}, notes),
            totp_secret=self._dropping(Part.TOTP, lambda: _totp_secret(record.totp), None, notes),
            notes=tuple(notes),
        )

    def identify(self, record: Record) -> Identity:
        """Return what `check` will find, in a fraction of the time. Most addresses are compared without parsing them.

        Raises:
            RecordInvalid: `check` will raise it too.
        """
        is_address_needed = record.username is None or "@" in record.username
        address = self._email(record, []) if is_address_needed else None
        return Identity(
            naming=naming_of(record, address, self._usernames),
            verified_email=_canonical_email(record.email or "") if self._is_verified(record) else None,
            external_id=self._external_id(record),
        )

    def without_hash(self, candidate: Candidate, reason: str) -> Candidate:
        """Return the user without a password, if the operator wants that.

        Raises:
            RecordInvalid: otherwise.
        """

        def refuse() -> None:
            raise RecordInvalid(f"password hash: {reason}")

        notes = list(candidate.notes)
        self._dropping(Part.HASH, refuse, None, notes)
        return replace(candidate, password_hash=None, notes=tuple(notes))

    def _dropping(self, part: Part, parse: Callable[[], T], default: T, notes: list[str]) -> T:
        try:
            return parse()
        except RecordInvalid as error:
            if part not in self._options.drops:
                raise
            notes.append(f"left out: {error}")
            return default

    def _email(self, record: Record, notes: list[str]) -> EmailAddress | None:
        """Return the address. Where the source has only a name that is one, it is this one, and nobody verified it."""
        if record.email is not None:
            return self._dropping(Part.EMAIL, lambda: _email(record.email or ""), None, notes)
        if record.username is not None and "@" in record.username:
            try:
                return parse_email(record.username)
            except EmailInvalid:
                return None
        return None

    def _is_verified(self, record: Record) -> bool:
        return record.email is not None and record.email_verified and self._options.trusts_verified

    def _external_id(self, record: Record) -> str | None:
        if record.id is None:
            return None
        external_id = self._options.id_prefix + record.id
        if len(external_id) > _MAX_ID or not external_id.isprintable() or not record.id.strip():
            raise RecordInvalid(f"the id must be 1 to {_MAX_ID} printable characters")
        return external_id

    def _roles(self, record: Record, notes: list[str]) -> list[str]:
        wanted = record.roles
        if ADMIN in wanted and not self._options.trusts_admins:
            notes.append(f"left out: the role {ADMIN}")
            wanted = tuple(role for role in wanted if role != ADMIN)
        try:
            return parse_roles(wanted)
        except RolesInvalid:  # its message repeats the role
            raise RecordInvalid(
                "a role is empty, or has a comma, spaces around it or invisible characters, or there are too many"
            ) from None

    def _created_at(self, record: Record) -> datetime | None:
        at = record.created_at
        if at is not None and not _EARLIEST <= at <= self._now + _CLOCKS_DIFFER:
            raise RecordInvalid("the date of creation is before 1970 or in the future")
        return at


def _email(text: str) -> EmailAddress:
    try:
        return parse_email(text)
    except EmailInvalid:
        raise RecordInvalid("no mail can be sent to the e-mail address") from None


def _canonical_email(text: str) -> str:
    """Return the canonical form of a valid address. Of another one, return anything."""
    lower = text.strip(" ").lower()
    if lower.isascii() and "xn--" not in lower:
        return lower
    try:
        return parse_email(text).canonical
    except EmailInvalid:
        return lower


def _metadata(metadata: Mapping[str, Any], token_claims: Collection[str]) -> dict[str, Any]:
    try:
        return parse_metadata(dict(metadata), token_claims)
    except MetadataInvalid as error:
        raise RecordInvalid(error.message) from None


def _totp_secret(source: TotpSource | None) -> str | None:
    if source is None:
        return None
    settings = source.digits, source.period, source.algorithm.upper().replace("-", "").removeprefix("HMAC")
    if settings != (_DIGITS, _PERIOD, _ALGORITHM):
        raise RecordInvalid("the authenticator app does not have 6 digits, 30 seconds and SHA-1")
    try:
        return canonical_secret(source.secret)
    except ValueError as error:
        raise RecordInvalid(f"the secret of the authenticator app is {error}") from None


def _uuid(text: str | None) -> UUID | None:
    if text is None or len(text) != _UUID_LENGTH:
        return None
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if found.int else None
