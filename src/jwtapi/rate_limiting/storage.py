"""What every storage of the rate limits can do: the database, Redis, this process's memory."""

from dataclasses import dataclass
from typing import Protocol

from limits import RateLimitItem

CLOCKS_DIFFER_BY = 5
"""Seconds that one machine's clock may be ahead of another's. An attempt that lies further in the future was counted
before a clock was set back. It is moved to this many seconds from now, or its window would last longer than the limit
says."""


class RateLimitStorageUnavailable(Exception):
    """This storage cannot count now."""


class RateLimitStorageMisconfigured(RateLimitStorageUnavailable):
    """The storage answers, but refuses until its configuration is corrected."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of counting one attempt, and the state of its window afterwards."""

    admitted: bool
    remaining: int
    """How many more attempts would be admitted now."""
    wait: float
    """Seconds until the oldest attempt leaves the window, and one more is admitted."""
    window: str
    """The key of its window."""
    entry: float | str
    """Identifies this attempt in its window. In the database only among attempts of different milliseconds."""
    storage: "RateLimitStorage"
    """The storage that counted it."""


class RateLimitStorage(Protocol):
    """`window` is the key of a window. It identifies the limit and whose attempts these are."""

    async def acquire(self, limit: RateLimitItem, window: str) -> Attempt:
        """Count an attempt, unless the limit is reached.

        Raises:
            RateLimitStorageUnavailable, StorageUnavailable
        """

    async def release(self, attempt: Attempt) -> None:
        """Remove one admitted attempt from its window. Does nothing if the window no longer has it.

        Raises:
            RateLimitStorageUnavailable, StorageUnavailable
        """

    async def clear(self, window: str) -> None:
        """Remove all attempts.

        Raises:
            RateLimitStorageUnavailable, StorageUnavailable
        """

    async def close(self) -> None: ...


class RemoteStorage(RateLimitStorage, Protocol):
    """A storage that can be unavailable."""

    async def is_available(self) -> bool: ...
