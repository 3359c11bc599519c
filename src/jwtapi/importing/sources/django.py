"""Django: `manage.py dumpdata auth.user`, with `--format json` or `jsonl`, also of a user model of one's own."""

from collections.abc import Mapping
from typing import Any

from jwtapi.importing.members import flag, members_of, moment, text, without_nothing
from jwtapi.importing.records import PasswordHash, Record
from jwtapi.importing.sources.source import NotAUser, Source, SourceOptions
from jwtapi.users.administrators import ADMIN

_UNUSABLE = "!"
"""How Django begins the hash of a user who has no password (`set_unusable_password`)."""


def _read(row: Mapping[str, Any], _: SourceOptions) -> Record:
    fields = members_of(row, "fields")
    if "password" not in fields:
        raise NotAUser  # a group, for example
    stored = text(fields, "password")
    roles = _groups(fields.get("groups"))
    return Record(
        username=text(fields, "username"),
        email=text(fields, "email"),
        password_hash=PasswordHash(stored, "django")
        if stored is not None and not stored.startswith(_UNUSABLE)
        else None,
        id=text(row, "pk"),
        roles=(ADMIN, *roles) if flag(fields, "is_superuser") else roles,
        created_at=moment(fields, "date_joined"),
        disabled=not flag(fields, "is_active", default=True),
        metadata=without_nothing(firstName=text(fields, "first_name"), lastName=text(fields, "last_name")),
    )


def _groups(groups: Any) -> tuple[str, ...]:
    """Return the names of groups, which only `--natural-foreign` writes: each is a list with the name in it."""
    found = groups if isinstance(groups, list) else []
    return tuple(group[0] for group in found if isinstance(group, list) and group and isinstance(group[0], str))


DJANGO = Source(_read)
