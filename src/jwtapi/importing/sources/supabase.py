"""Supabase: the table `auth.users` as CSV or JSON."""

from collections.abc import Mapping
from typing import Any

from jwtapi.importing.members import flag, members_of, moment, text, without_nothing
from jwtapi.importing.records import PasswordHash, Record
from jwtapi.importing.sources.source import NotAUser, Source, SourceOptions


def _read(row: Mapping[str, Any], options: SourceOptions) -> Record:
    if moment(row, "deleted_at") is not None:
        raise NotAUser("a user who was deleted there")
    if flag(row, "is_anonymous"):
        raise NotAUser("an anonymous user")
    stored, banned_until = text(row, "encrypted_password"), moment(row, "banned_until")
    return Record(
        email=text(row, "email"),
        email_verified=moment(row, "email_confirmed_at") is not None,
        password_hash=PasswordHash(stored) if stored is not None else None,
        id=text(row, "id"),
        created_at=moment(row, "created_at"),
        disabled=banned_until is not None and banned_until > options.now,
        # The user can change the second one there. So neither is spread over the members that TOKEN_CLAIMS may copy.
        metadata=without_nothing(
            app_metadata=members_of(row, "raw_app_meta_data"), user_metadata=members_of(row, "raw_user_meta_data")
        ),
    )


SUPABASE = Source(_read)
