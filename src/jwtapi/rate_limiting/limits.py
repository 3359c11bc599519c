"""What a limit is. Each feature declares its own, in its `limits.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jwtapi.errors import TooManyRequests


def _never(_: object) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many attempts are admitted from one address, or on one account. Its windows are moving windows."""

    name: str
    """Unique. It is part of the stored keys, and clients read it in the header `RateLimit`."""
    amount: Callable[[Any], str]
    """Returns the number and the period, such as "10/15 minutes", from the settings, with those of all features."""
    error: type[TooManyRequests] = TooManyRequests
    spares_success: Callable[[Any], bool] = _never
    """Whether an attempt no longer counts once its request has succeeded."""

    def __post_init__(self) -> None:
        """Reserve the name.

        Raises:
            ValueError: another limit has it.
        """
        if self.name in _names:
            raise ValueError(f"The limit {self.name!r} is declared twice")
        _names.add(self.name)


_names: set[str] = set()
