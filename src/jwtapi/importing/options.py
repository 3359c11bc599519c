"""What the operator of an import decides."""

from dataclasses import dataclass, field
from enum import StrEnum

from jwtapi.importing.sources.names import SourceName
from jwtapi.importing.sources.source import SourceOptions


class OnConflict(StrEnum):
    """What happens to somebody whose user name, e-mail address or id another user has."""

    FAIL = "fail"
    SKIP = "skip"
    RENAME = "rename"


class Part(StrEnum):
    """What can be left out of a user, if it cannot be used."""

    EMAIL = "email"
    HASH = "hash"
    METADATA = "metadata"
    TOTP = "totp"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    source: SourceName
    of_source: SourceOptions = field(default_factory=SourceOptions)
    on_conflict: OnConflict = OnConflict.FAIL
    trusts_verified: bool = False
    """Whether an address is verified because the source says so."""
    trusts_admins: bool = False
    """Whether users keep the role that lets them administer all others."""
    drops: frozenset[Part] = frozenset()
    """What is left out where it cannot be used. Otherwise the user is not imported."""
    id_prefix: str = ""
    """What is put before the ids of the source, for a second source that counts from 1 too."""
    is_dry_run: bool = False
