"""The form of jwtapi itself, in JSON Lines and in CSV. `jwtapi user export` writes it."""

from collections.abc import Iterable, Mapping
from typing import Any

from jwtapi.importing.members import flag, members_of, moment, text, words
from jwtapi.importing.records import PasswordHash, Record, RecordInvalid, TotpSource
from jwtapi.importing.sources.source import Source, SourceOptions

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "username": str,
    "email": str,
    "emailVerified": bool,
    "passwordHash": str,
    "scheme": str,
    "id": (str, int),
    "roles": list,
    "createdAt": str,
    "disabled": bool,
    "metadata": dict,
    "totp": (str, dict),
}
_MAX_NAME = 20

_TOTP_TYPES: Mapping[str, type] = {"secret": str, "digits": int, "period": int, "algorithm": str}


def _read_line(line: Mapping[str, Any], options: SourceOptions) -> Record:
    _check(line, _TYPES)
    return _read_row(line, options)


def _check(members: Mapping[str, Any], types: Mapping[str, type | tuple[type, ...]]) -> None:
    if unknown := members.keys() - types.keys():
        raise RecordInvalid(_of_unknown(unknown))
    for name, value in members.items():
        is_number_only = isinstance(value, bool) and types[name] is not bool
        if value is not None and (is_number_only or not isinstance(value, types[name])):
            raise RecordInvalid(f"{name} has the wrong type")


def _of_unknown(unknown: Iterable[str]) -> str:
    """Name the members. One that is no word may be a hash, such as of a CSV file without headings: do not repeat it."""
    names = sorted(name for name in unknown if _is_word(name))
    return f"there is no member {', '.join(names[:3])}" if names else "a member has a name that is not known"


def _is_word(name: str) -> bool:
    letters = name.replace("_", "")
    return letters.isascii() and letters.isalpha() and len(name) <= _MAX_NAME


def _read_row(row: Mapping[str, Any], _: SourceOptions) -> Record:
    password_hash, scheme = text(row, "passwordHash"), text(row, "scheme")
    if unknown := row.keys() - _TYPES.keys():
        raise RecordInvalid(_of_unknown(unknown))
    return Record(
        username=text(row, "username"),
        email=text(row, "email"),
        email_verified=flag(row, "emailVerified"),
        password_hash=PasswordHash(password_hash, scheme) if password_hash else None,
        id=text(row, "id"),
        roles=words(row, "roles"),
        created_at=moment(row, "createdAt"),
        disabled=flag(row, "disabled"),
        metadata=members_of(row, "metadata"),
        totp=_totp(row.get("totp")),
    )


def _totp(value: Any) -> TotpSource | None:
    if not value:
        return None
    if isinstance(value, str):
        return TotpSource(value)
    _check(value, _TOTP_TYPES)
    if not value.get("secret"):
        raise RecordInvalid("totp has no secret")
    return TotpSource(**{name: setting for name, setting in value.items() if setting is not None})


JSON_LINES = Source(_read_line, only_lines=True)
CSV = Source(_read_row)
