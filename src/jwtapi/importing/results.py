"""What became of each user of a file."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class Outcome(StrEnum):
    IMPORTED = "imported"
    VALID = "valid"
    """It would be imported, if this were no dry run."""
    EXISTS = "exists"
    """An earlier run has imported the same user."""
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    line: int
    """The number of the line, or of the user in a JSON document."""
    outcome: Outcome
    username: str | None = None
    """The name that the user has now. Of somebody who was not imported, the name of the source."""
    reason: str | None = None
    """Why not, or what is not taken over as it is. It repeats neither a hash nor a secret."""
    id: UUID | None = None
    external_id: str | None = None


@dataclass(slots=True)
class Summary:
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    unverified: int = 0
    """Users imported with an address that is not verified."""
    wrapped: int = 0
    """Hashes that were put below a slow one."""

    def count(self, result: Result) -> None:
        self.outcomes[result.outcome] += 1

    @property
    def has_failed(self) -> bool:
        return self.outcomes[Outcome.FAILED] > 0
