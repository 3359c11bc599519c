"""The present time. Tests replace the clock."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Returns the present time, timezone-aware in UTC."""


def system_clock() -> datetime:
    return datetime.now(UTC)
