"""What a place to count in has to do."""

from typing import Protocol

from limits import RateLimitItem


class WindowsUnavailable(Exception):
    """This place cannot count now."""


class Windows(Protocol):
    async def hit(self, limit: RateLimitItem, key: str) -> float | None:
        """Count an attempt and return None; if the limit is reached, count nothing and return the seconds to wait.

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
