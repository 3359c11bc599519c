"""What the database keeps of a person, for the export of an account."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Label, Row, case, literal, or_, select, tuple_

from jwtapi.storage.api_keys import api_keys
from jwtapi.storage.events import events
from jwtapi.storage.invitations import invitations
from jwtapi.storage.mails import mails
from jwtapi.storage.passkeys import passkeys
from jwtapi.storage.recovery_codes import recovery_codes
from jwtapi.storage.remembered_devices import remembered_devices
from jwtapi.storage.sessions import sessions
from jwtapi.storage.totp_secrets import totp_secrets
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


@dataclass(frozen=True, slots=True)
class PersonalData:
    """The rows of a table that belong to a user. A feature declares those of its tables in its `storage.py`."""

    name: str
    """The member of the export, which is a list. That of a table with a column `user_id` is the name of the table."""
    columns: Sequence[Column[Any] | Label[Any]]
    """What is exported of a row. Never a secret, and never a key."""
    key: Sequence[Column[Any]]
    """The order of the rows: some of `columns`, whose values no two rows have in common. An index finds the rows."""
    belongs_to: Callable[[User], ColumnElement[bool]]

    def page(self, uow: UnitOfWork, user: User, *, after: Row[Any] | None, limit: int) -> Sequence[Row[Any]]:
        """Return up to `limit` rows that belong to the user and follow the row `after`."""
        query = select(*self.columns).where(self.belongs_to(user)).order_by(*self.key).limit(limit)
        if after is not None:
            last = (literal(getattr(after, column.name), column.type) for column in self.key)
            query = query.where(tuple_(*self.key) > tuple_(*last))
        return uow.connection.execute(query).all()


# From where administrators work is not the business of users.
_OWN_ADDRESS = case(
    (or_(events.c.actor_id.is_(None), events.c.actor_id == events.c.user_id), events.c.address),
).label("address")

PERSONAL_DATA = (
    PersonalData(
        "sessions",
        (
            sessions.c.id,
            sessions.c.created_at,
            sessions.c.refreshed_at,
            sessions.c.expires_at,
            sessions.c.ends_at,
            sessions.c.revoked_at,
            sessions.c.amr,
            sessions.c.auth_time,
            sessions.c.address,
            sessions.c.user_agent,
            sessions.c.client_id,
        ),
        key=(sessions.c.created_at, sessions.c.id),
        belongs_to=lambda user: sessions.c.user_id == user.id,
    ),
    PersonalData(
        "events",
        (
            events.c.id,
            events.c.at,
            events.c.type,
            events.c.session_id,
            _OWN_ADDRESS,
            events.c.request_id,
            events.c.details,
        ),
        key=(events.c.id,),
        belongs_to=lambda user: events.c.user_id == user.id,
    ),
    PersonalData(
        "mails",
        (
            mails.c.id,
            mails.c.kind,
            mails.c.recipient,
            mails.c.details,
            mails.c.language,
            mails.c.created_at,
            mails.c.due_at,
            mails.c.attempts,
            mails.c.failed_at,
        ),
        key=(mails.c.created_at, mails.c.id),
        belongs_to=lambda user: mails.c.user_id == user.id,
    ),
    PersonalData(
        "invitations",
        (
            invitations.c.id,
            invitations.c.email,
            invitations.c.roles,
            invitations.c.created_at,
            invitations.c.expires_at,
            invitations.c.used_at,
        ),
        key=(invitations.c.id,),
        # An address that waits for verification may be somebody else's.
        belongs_to=lambda user: invitations.c.canonical_email == (user.canonical_email or ""),
    ),
    PersonalData(
        "totp_secrets",
        (totp_secrets.c.id, totp_secrets.c.created_at, totp_secrets.c.confirmed_at),
        key=(totp_secrets.c.id,),
        belongs_to=lambda user: totp_secrets.c.user_id == user.id,
    ),
    PersonalData(
        "recovery_codes",
        (recovery_codes.c.id, recovery_codes.c.created_at),
        key=(recovery_codes.c.id,),
        belongs_to=lambda user: recovery_codes.c.user_id == user.id,
    ),
    PersonalData(
        "passkeys",
        (
            passkeys.c.id,
            passkeys.c.rp_id,
            passkeys.c.name,
            passkeys.c.aaguid,
            passkeys.c.transports,
            passkeys.c.backup_eligible,
            passkeys.c.backed_up,
            passkeys.c.created_at,
            passkeys.c.last_used_at,
        ),
        key=(passkeys.c.id,),
        belongs_to=lambda user: passkeys.c.user_id == user.id,
    ),
    PersonalData(
        "remembered_devices",
        (
            remembered_devices.c.id,
            remembered_devices.c.created_at,
            remembered_devices.c.expires_at,
            remembered_devices.c.address,
            remembered_devices.c.user_agent,
        ),
        key=(remembered_devices.c.created_at, remembered_devices.c.id),
        belongs_to=lambda user: remembered_devices.c.user_id == user.id,
    ),
    PersonalData(
        "api_keys",
        (
            api_keys.c.id,
            api_keys.c.name,
            api_keys.c.roles,
            api_keys.c.created_at,
            api_keys.c.expires_at,
            api_keys.c.last_used_at,
        ),
        key=(api_keys.c.created_at, api_keys.c.id),
        belongs_to=lambda user: api_keys.c.user_id == user.id,
    ),
)
"""That of the tables that every installation has."""
