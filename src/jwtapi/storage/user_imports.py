"""The queries of the import and the export of users: many users by one statement each."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from jwtapi.storage.events import events
from jwtapi.storage.metadata import columns_of
from jwtapi.storage.passkeys import passkeys
from jwtapi.storage.totp_secrets import TotpSecret, totp_secrets
from jwtapi.storage.user_roles import rows_of, user_roles
from jwtapi.storage.users import User, users

_MAX_CHECKED = 100_000
"""As in storage/users.py."""


class Overtaken(Exception):
    """Somebody else has just taken a name, an address or an id. Let this exception leave the unit, and run it again."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A user who has something that an imported user would have."""

    id: UUID
    canonical_username: str
    canonical_email: str | None
    pending_email: str | None
    external_id: str | None
    created_at: datetime


_RIVAL = columns_of(users, Rival)
_USER = columns_of(users, User)
_TOTP = columns_of(totp_secrets, TotpSecret)


class UserImportRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rivals(
        self,
        *,
        ids: Collection[UUID],
        names: Collection[str],
        emails: Collection[str],
        external_ids: Collection[str],
    ) -> list[Rival]:
        """Return the users who have one of these. Names and addresses are canonical.

        Each index is asked by a statement of its own, because one statement for all would use none of them.
        """
        wanted: list[tuple[ColumnElement[Any], Collection[Any]]] = [
            (users.c.id, ids),
            (users.c.canonical_username, names),
            (users.c.canonical_email, emails),
            (users.c.external_id, external_ids),
        ]
        found: dict[UUID, Rival] = {}
        for column, values in wanted:
            if values:
                query = select(*_RIVAL).where(column.in_(values))
                found |= {row.id: Rival(*row) for row in self._connection.execute(query)}
        return list(found.values())

    def imported(self, user_ids: Collection[UUID], event_type: str) -> Mapping[UUID, Mapping[str, Any]]:
        """Return the details of the first event of each of the users, by their ids, if it is of the type.

        Of the many other events of a user none is read.
        """
        own = events.alias()
        first = select(func.min(own.c.id)).where(own.c.user_id == users.c.id).scalar_subquery()
        query = (
            select(events.c.user_id, events.c.details)
            .select_from(users.join(events, events.c.id == first))
            .where(users.c.id.in_(user_ids), events.c.type == event_type)
        )
        return {row.user_id: row.details or {} for row in self._connection.execute(query)} if user_ids else {}

    def add(self, new: Sequence[User], secrets: Sequence[TotpSecret]) -> None:
        """Store users with their roles and authenticator apps.

        Raises:
            Overtaken
        """
        if not new:
            return
        roles = [row for user in new for row in rows_of(user.id, user.roles)]
        apps = [{"id": uuid4(), **_values(_TOTP, secret)} for secret in secrets]
        try:
            self._connection.execute(insert(users), [_values(_USER, user) for user in new])
        except IntegrityError:
            raise Overtaken from None
        for table, rows in ((user_roles, roles), (totp_secrets, apps)):
            if rows:
                self._connection.execute(insert(table), rows)

    def count_without_way_in(self) -> int:
        """Count the enabled people who have neither a password, nor a passkey, nor a verified address for a link.

        Checks at most _MAX_CHECKED users.
        """
        checked = (
            select(users.c.id, users.c.password_hash, users.c.canonical_email)
            .where(users.c.disabled_at.is_(None), users.c.deleted_at.is_(None), users.c.is_service_account.is_(False))
            .limit(_MAX_CHECKED)
            .subquery()
        )
        query = select(func.count()).where(
            checked.c.password_hash.is_(None),
            checked.c.canonical_email.is_(None),
            ~select(passkeys.c.id).where(passkeys.c.user_id == checked.c.id).exists(),
        )
        return int(self._connection.execute(query).scalar_one())

    def page(self, after: UUID | None, *, limit: int) -> list[User]:
        """Return up to `limit` users in the order of their ids, from the first one after `after`."""
        query = select(*_USER).where(users.c.deleted_at.is_(None)).order_by(users.c.id).limit(limit)
        return [
            User(*row) for row in self._connection.execute(query if after is None else query.where(users.c.id > after))
        ]

    def confirmed_secrets(self, user_ids: Iterable[UUID]) -> list[TotpSecret]:
        """Return the authenticator apps of these users that are in use."""
        query = select(*_TOTP).where(
            totp_secrets.c.user_id.in_(list(user_ids)), totp_secrets.c.confirmed_at.is_not(None)
        )
        return [TotpSecret(*row) for row in self._connection.execute(query)]


def _values(columns: Sequence[Any], record: object) -> dict[str, Any]:
    return {column.name: getattr(record, column.name) for column in columns}
