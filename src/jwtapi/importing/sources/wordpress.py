"""WordPress: `wp user list --format=csv` with the hashes, or the table `wp_users` as CSV or JSON."""

from collections.abc import Mapping
from typing import Any

from jwtapi.importing.members import moment, text, without_nothing, words
from jwtapi.importing.records import PasswordHash, Record
from jwtapi.importing.sources.source import Source, SourceOptions
from jwtapi.users.administrators import ADMIN

_ADMINISTRATOR = "administrator"
_NO_TIME = "0000-00-00 00:00:00"
"""What MySQL stores of users whom another program than WordPress has made."""


def _read(row: Mapping[str, Any], _: SourceOptions) -> Record:
    stored = text(row, "user_pass")
    return Record(
        username=text(row, "user_login"),
        email=text(row, "user_email"),
        password_hash=PasswordHash(stored, "wordpress") if stored is not None else None,
        id=text(row, "ID"),
        roles=tuple(ADMIN if role == _ADMINISTRATOR else role for role in words(row, "roles")),
        created_at=None if row.get("user_registered") == _NO_TIME else moment(row, "user_registered"),
        metadata=without_nothing(displayName=text(row, "display_name"), url=text(row, "user_url")),
    )


WORDPRESS = Source(_read)
