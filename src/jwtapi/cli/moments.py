"""Reads the moments that options name: `2026-11-30`, `2026-11-30T14:00:00+01:00`, or an age such as `2h`."""

import re
from datetime import UTC, datetime, timedelta

_AGE = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

HOW = "a date, a time in UTC or with an offset (ISO 8601), or an age: 30s, 15m, 2h, 7d, 4w"


def parse_moment(text: str, now: datetime) -> datetime:
    """Return the moment in UTC.

    Raises:
        ValueError: the text is no moment, or one that no calendar has.
    """
    try:
        if (age := _AGE.fullmatch(text)) is not None:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"must be {HOW}") from None
