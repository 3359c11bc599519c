"""FastAPI-Users: its table as CSV or JSON. Columns that a project has added are not read."""

from collections.abc import Mapping
from typing import Any

from jwtapi.importing.members import flag, moment, text
from jwtapi.importing.records import PasswordHash, Record
from jwtapi.importing.sources.source import Source, SourceOptions
from jwtapi.users.administrators import ADMIN


def _read(row: Mapping[str, Any], _: SourceOptions) -> Record:
    stored = text(row, "hashed_password")
    return Record(
        username=text(row, "username"),
        email=text(row, "email"),
        email_verified=flag(row, "is_verified"),
        password_hash=PasswordHash(stored) if stored is not None else None,
        id=text(row, "id"),
        roles=(ADMIN,) if flag(row, "is_superuser") else (),
        created_at=moment(row, "created_at"),
        disabled=not flag(row, "is_active", default=True),
    )


FASTAPI_USERS = Source(_read)
