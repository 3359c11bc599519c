"""Auth0: the export of password hashes that the support sends, as JSON Lines."""

from collections.abc import Mapping
from typing import Any

from jwtapi.importing.members import flag, members_of, moment, objects_of, text, without_nothing
from jwtapi.importing.records import PasswordHash, Record
from jwtapi.importing.sources.source import Source, SourceOptions


def _read(row: Mapping[str, Any], _: SourceOptions) -> Record:
    email, verified = text(row, "email"), flag(row, "email_verified")
    for identifier in objects_of(row, "identifiers"):  # some users have the address only here
        if email is None and identifier.get("type") == "email":
            email, verified = text(identifier, "value"), flag(identifier, "verified")
    stored = text(row, "passwordHash")
    return Record(
        username=text(row, "username"),
        email=email,
        email_verified=verified,
        password_hash=PasswordHash(stored, "bcrypt") if stored is not None else None,
        id=_id(row),
        created_at=_created_at(row),
        disabled=flag(row, "blocked"),
        metadata=without_nothing(
            app_metadata=members_of(row, "app_metadata"), user_metadata=members_of(row, "user_metadata")
        ),
    )


def _id(row: Mapping[str, Any]) -> str | None:
    """Return the id that tokens of Auth0 have: `auth0|…`."""
    if (whole := text(row, "user_id")) is not None:
        return whole
    own = row.get("_id")
    short = text(row, "alt_id") or (text(own, "$oid") if isinstance(own, dict) else text(row, "_id"))
    return f"auth0|{short}" if short is not None else None


def _created_at(row: Mapping[str, Any]) -> Any:
    at = row.get("created_at")
    return moment(at, "$date") if isinstance(at, dict) else moment(row, "created_at")


AUTH0 = Source(_read)
