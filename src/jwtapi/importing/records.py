"""What a file says about one user, in the same form whatever system wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


class FileInvalid(Exception):
    """The file as a whole cannot be read. The message is for the operator, and repeats nothing of the file."""


class RecordInvalid(Exception):
    """One user cannot be imported. The message states the reason, and repeats neither a hash nor a secret."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line, a row or an element that is no user."""

    reason: str


@dataclass(frozen=True, slots=True)
class PasswordHash:
    text: str = field(repr=False)
    scheme: str | None = None
    """What the source calls the scheme. None: the text itself shows it."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What a scheme needs that is not in the text, such as the keys of Firebase."""


@dataclass(frozen=True, slots=True)
class TotpSource:
    """An authenticator app."""

    secret: str = field(repr=False)
    """In base32."""
    digits: int = 6
    period: int = 30
    """Seconds."""
    algorithm: str = "SHA1"


@dataclass(frozen=True, slots=True)
class Record:
    """One user of a file. Nothing in it is checked yet, except its types."""

    username: str | None = None
    email: str | None = None
    email_verified: bool = False
    """Whether the source says so."""
    password_hash: PasswordHash | None = None
    id: str | None = None
    roles: tuple[str, ...] = ()
    created_at: datetime | None = None
    disabled: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    totp: TotpSource | None = None
