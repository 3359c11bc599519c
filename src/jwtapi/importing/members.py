"""Reads the members of a row: text of CSV or values of JSON become what a record has.

No message repeats a value, because the value of a wrong member may be a hash.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jwtapi import strict_json
from jwtapi.importing.records import RecordInvalid

Members = Mapping[str, Any]

_TRUE = frozenset({"true", "t", "1", "yes", "on"})
_FALSE = frozenset({"false", "f", "0", "no", "off"})
_NOTHING = (None, "", "\\N")  # PostgreSQL and MySQL write \N for NULL


def text(row: Members, name: str) -> str | None:
    """Return a text, or None if the member is missing or empty. A number becomes its digits."""
    value = row.get(name)
    if value in _NOTHING:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise RecordInvalid(f"{name} must be text")
    return value


def flag(row: Members, name: str, *, default: bool = False) -> bool:
    value = row.get(name)
    if value in _NOTHING:
        return default
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in _TRUE | _FALSE:
        raise RecordInvalid(f"{name} must be true or false")
    return word in _TRUE


def moment(row: Members, name: str) -> datetime | None:
    """Return a time of ISO 8601. Without an offset it is UTC."""
    value = row.get(name)
    if value in _NOTHING:
        return None
    try:
        at = datetime.fromisoformat(str(value).strip())
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RecordInvalid(f"{name} must be a time such as 2026-01-31T12:00:00Z") from None


def moment_of_millis(row: Members, name: str) -> datetime | None:
    """Return the time of so many milliseconds since 1970, as a number or as text."""
    value = text(row, name)
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise RecordInvalid(f"{name} must be milliseconds since 1970") from None


def members_of(row: Members, name: str) -> dict[str, Any]:
    """Return an object. In CSV, and in some systems, it is the text of a JSON object."""
    value = row.get(name)
    if value in _NOTHING:
        return {}
    if isinstance(value, str):
        try:
            value = strict_json.loads(value.encode())
        except ValueError:
            raise RecordInvalid(f"{name} must be a JSON object") from None
        if value is None:
            return {}
    if not isinstance(value, dict):
        raise RecordInvalid(f"{name} must be a JSON object")
    return value


def objects_of(row: Members, name: str) -> list[dict[str, Any]]:
    value = row.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise RecordInvalid(f"{name} must be a list of JSON objects")
    return value


def words(row: Members, name: str) -> tuple[str, ...]:
    """Return a list of texts. In CSV it is a JSON list, or texts with commas between them."""
    value = row.get(name)
    if value in _NOTHING:
        return ()
    if isinstance(value, str):
        value = _listed(value)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RecordInvalid(f"{name} must be a list of texts")
    return tuple(value)


def _listed(cell: str) -> Any:
    if cell.startswith("["):
        try:
            return strict_json.loads(cell.encode())
        except ValueError:
            return None
    return [word for part in cell.split(",") if (word := part.strip())]


def without_nothing(**metadata: Any) -> dict[str, Any]:
    """Return the members that have a value."""
    return {name: value for name, value in metadata.items() if value not in (None, "", {}, [])}
