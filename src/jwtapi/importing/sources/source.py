"""What the module of a system gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jwtapi.clock import system_clock
from jwtapi.importing.records import Record


class NotAUser(Exception):
    """The row belongs to the export, but it is no user who could come. The message states what it is, if that matters.

    Without a message nobody is told of it.
    """


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What the operator states of the source."""

    hash_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The parameters of the hashes of Firebase."""
    now: datetime = field(default_factory=system_clock)


@dataclass(frozen=True, slots=True)
class Source:
    read: Callable[[Mapping[str, Any], SourceOptions], Record]
    """Make a record of a row.

    Raises:
        RecordInvalid: the row is not what the system writes.
        NotAUser
    """
    member: str | None = None
    """The member of a JSON document that has the users."""
    only_lines: bool = False
    """Whether the form is JSON Lines, and no other."""
