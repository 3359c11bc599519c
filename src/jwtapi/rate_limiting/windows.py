"""What a place to count in has to do."""

from dataclasses import dataclass
from typing import Protocol

from limits import RateLimitItem

CLOCKS_DIFFER_BY = 5
"""Seconds that one machine's clock may be ahead of another's. An attempt of a later moment was counted before a clock
was set back: it is taken for one of so many seconds ahead, or its window would last longer than the limit says."""


class WindowsUnavailable(Exception):
    """This place cannot count now."""


class WindowsRefused(WindowsUnavailable):
    """It answers, and will refuse until somebody mends the configuration."""


@dataclass(frozen=True, slots=True)
class Hit:
    """What became of an attempt, and what its window holds now."""

    admitted: bool
    remaining: int
    """How many more would be let in now."""
    wait: float
    """Seconds until the oldest attempt counts no more, and one more is let in."""
    window: str
    mark: float | str
    """Tells this attempt from others in its window, or from all that are not as old."""
    place: "Windows"
    """Where it was counted."""


class Windows(Protocol):
    async def hit(self, limit: RateLimitItem, key: str) -> Hit:
        """Count an attempt, unless the limit is reached.

        Raises:
            WindowsUnavailable, StorageUnavailable
        """

    async def take_back(self, hit: Hit) -> None:
        """Count an attempt that was let in no more: that one, and none if its window knows of it no more.

        Raises:
            WindowsUnavailable, StorageUnavailable
        """

    async def clear(self, limit: RateLimitItem, key: str) -> None:
        """Forget the attempts.

        Raises:
            WindowsUnavailable, StorageUnavailable
        """

    async def close(self) -> None: ...


class FallibleWindows(Windows, Protocol):
    """A place that may be away."""

    async def can_count(self) -> bool:
        """Tell whether it is back."""
