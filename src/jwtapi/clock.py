"""What time it is: one seam, so that tests can move the clock."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Gives the present moment, timezone-aware in UTC."""


def system_clock() -> datetime:
    return datetime.now(UTC)
