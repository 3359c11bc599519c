"""Users: the table, the record and the queries."""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    LargeBinary,
    String,
    Table,
    Uuid,
    and_,
    bindparam,
    cast,
    column,
    delete,
    false,
    func,
    insert,
    not_,
    or_,
    select,
    table,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from jwtapi.storage.hot_statement import HotStatement
from jwtapi.storage.metadata import PRUNED, columns_of, metadata
from jwtapi.storage.types import UtcDateTime
from jwtapi.storage.user_roles import add_roles, replace_roles, user_roles

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("username", String(64), nullable=False),
    # Two user names are the same name if these are equal; see security/usernames.py. It can be longer than the user
    # name: ﷺ becomes 18 letters.
    # PostgreSQL compares by code points, as SQLite does, so that an index finds the names that begin with some letters.
    Column(
        "canonical_username",
        String(255).with_variant(String(255, collation="C"), "postgresql"),
        nullable=False,
        unique=True,
    ),
    # NULL: the user signs in without a password.
    Column("password_hash", String(255)),
    Column("roles", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
    # The verified address, as written and in the form that is compared; see security/email_addresses.py.
    Column("email", String(320)),
    Column("canonical_email", String(320).with_variant(String(320, collation="C"), "postgresql")),
    # An address that waits for verification. It owns nothing: several users may have the same one.
    Column("pending_email", String(320)),
    # The verified address before the last change, while its owner can undo the change.
    Column("former_email", String(320)),
    Column("former_email_until", UtcDateTime),
    # Random, and new after each change of the password, the address, the second factors or the state. NULL in rows from
    # before migration 0005.
    Column("security_stamp", LargeBinary(16)),
    Column("last_login_at", UtcDateTime),
    # Since when a password alone does not suffice, because the user has an authenticator app or a passkey.
    Column("second_factor_since", UtcDateTime),
    # Until when the user may sign in without a second factor where MFA_REQUIRED asks for one.
    Column("second_factor_due_at", UtcDateTime),
    # Random. Authenticators keep it with each passkey of the user (WebAuthn §14.6.1). NULL before the first passkey.
    Column("webauthn_handle", LargeBinary(64)),
    # When the user was deleted. Housekeeping deletes the row after everything that belonged to the user.
    Column("deleted_at", UtcDateTime),
    # What administrators note about the user. The user cannot change it; TOKEN_CLAIMS may copy some of it into tokens.
    Column("metadata", JSON, nullable=False, server_default="{}"),
    # The id in the system that the user was imported from.
    Column("external_id", String(255)),
    # A user without any way to sign in, whose API keys a program uses.
    Column("is_service_account", Boolean, nullable=False, server_default=false()),
    Index(None, "canonical_email", unique=True),
    Index(None, "external_id", unique=True),
    Index(None, "created_at", "id"),
    # The administration lists these few among all users.
    Index(
        "ix_users_disabled_canonical_username",
        "canonical_username",
        sqlite_where=text("disabled_at IS NOT NULL"),
        postgresql_where=text("disabled_at IS NOT NULL"),
    ),
    Index(
        "ix_users_service_canonical_username",
        "canonical_username",
        sqlite_where=text("is_service_account"),
        postgresql_where=text("is_service_account"),
    ),
    Index(
        None,
        "deleted_at",
        sqlite_where=text("deleted_at IS NOT NULL"),
        postgresql_where=text("deleted_at IS NOT NULL"),
    ),
    info=PRUNED,
)


@dataclass(frozen=True, slots=True)
class User:
    id: UUID
    username: str
    """As the user wrote it."""
    canonical_username: str
    """Two user names are the same name if these are equal."""
    password_hash: str | None
    """None: the user signs in without a password."""
    roles: list[str]
    settings: dict[str, Any]
    created_at: datetime
    disabled_at: datetime | None
    email: str | None = None
    """The verified address, as the user wrote it."""
    canonical_email: str | None = None
    """Two addresses are the same address if these are equal. Only one user has it."""
    pending_email: str | None = None
    """An address that waits for verification. It may belong to somebody else."""
    former_email: str | None = None
    """The verified address of before a change. A second change while it can be undone keeps it."""
    former_email_until: datetime | None = None
    """Until when the owner of `former_email` can undo the change."""
    security_stamp: bytes | None = field(default=None, repr=False)
    """Changes with the password, the address, the second factors and the state. None before the first change since
    migration 0005."""
    last_login_at: datetime | None = None
    second_factor_since: datetime | None = None
    """Since when a password alone does not suffice. None: the user has neither an authenticator app nor a passkey."""
    second_factor_due_at: datetime | None = None
    """Until when the user may sign in without a second factor, where one is required. None: no sign-in has asked."""
    deleted_at: datetime | None = None
    """When the user was deleted. The row remains for a while, without name, address and password."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """What administrators note about the user. The user cannot change it."""
    external_id: str | None = None
    """The id in the system that the user was imported from."""
    is_service_account: bool = False
    """Whether the user has no way to sign in, and never gets one: a program uses the user's API keys."""

    @property
    def may_sign_in(self) -> bool:
        """Whether the user gets sessions, links and passwords at all."""
        return self.disabled_at is None and not self.is_service_account

    @property
    def link_state(self) -> bytes:
        """What a link in a mail is bound to. It is void after any change of password, address, second factors or state.

        It has random bytes that only the database knows, or else the hash of a password.
        """
        parts = (self.password_hash or "", self.canonical_email or "", str(self.disabled_at is None))
        return b"\0".join((self.security_stamp or b"", *(part.encode() for part in parts)))

    @property
    def proved_by(self) -> tuple[str | None, datetime | None]:
        """What decides how the user proves to be the user."""
        return self.password_hash, self.second_factor_since

    @property
    def undo_state(self) -> bytes:
        """What the link that restores `former_email` is bound to.

        A change of the password does not void it: whoever takes over an account changes the password too.
        """
        return f"{self.former_email}\0{self.former_email_until}".encode()

    def __repr__(self) -> str:
        return f"User(id={self.id})"


_COLUMNS = columns_of(users, User)

_BY_ID = HotStatement(select(*_COLUMNS).where(users.c.id == bindparam("user_id"), users.c.deleted_at.is_(None)))
_BY_NAME = HotStatement(select(*_COLUMNS).where(users.c.canonical_username == bindparam("name")))
_BY_EMAIL = HotStatement(select(*_COLUMNS).where(users.c.canonical_email == bindparam("email")))
_others = users.alias("others")
_BY_EMAIL_OR_NAME = HotStatement(
    select(*_COLUMNS).where(
        or_(
            users.c.canonical_email == bindparam("email"),
            and_(
                users.c.canonical_username == bindparam("name"),
                ~select(_others.c.id).where(_others.c.canonical_email == bindparam("email")).exists(),
            ),
        )
    )
)

# Built once, because every login runs it.
_SET_LAST_LOGIN = (
    update(users).where(users.c.id == bindparam("of_user")).values(last_login_at=bindparam("last_login_at"))
)

_MAX_CHECKED = 100_000
"""Checking as many takes a tenth of a second. Rows that were imported lie before the rows of later registrations."""


class DuplicateUsername(Exception):
    """The canonical name is taken. Let this exception leave the unit: its transaction cannot be used any more."""


class DuplicateEmail(Exception):
    """Another user has verified the address. Let this exception leave the unit, as DuplicateUsername."""


_passkeys = table("passkeys", column("user_id", Uuid))
"""Their module imports this one."""


class UserRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, user: User) -> None:
        """Store a new user.

        Raises:
            DuplicateUsername: somebody has the name. If several requests add the same name, one of them succeeds.
            DuplicateEmail: somebody has verified the address.
        """
        values = {column.name: getattr(user, column.name) for column in _COLUMNS}
        try:
            self._connection.execute(insert(users).values(values))
        except IntegrityError as error:
            raise _duplicate(error) from None
        add_roles(self._connection, user.id, user.roles)

    def get(self, user_id: UUID) -> User | None:
        """Return the user. A deleted user is nobody."""
        row = _BY_ID.row(self._connection, {"user_id": user_id})
        return User(*row) if row is not None else None

    def by_name(self, canonical_username: str) -> User | None:
        row = _BY_NAME.row(self._connection, {"name": canonical_username})
        return User(*row) if row is not None else None

    def by_email(self, canonical_email: str) -> User | None:
        """Return the user who has verified the address."""
        row = _BY_EMAIL.row(self._connection, {"email": canonical_email})
        return User(*row) if row is not None else None

    def by_email_or_name(self, canonical_email: str, canonical_username: str) -> User | None:
        """Return the user who has verified the address, or else the user with the name."""
        row = _BY_EMAIL_OR_NAME.row(self._connection, {"email": canonical_email, "name": canonical_username})
        return User(*row) if row is not None else None

    def names(self, user_ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the user names by id, of at most a few thousand ids. Users who are deleted are left out."""
        query = select(users.c.id, users.c.username).where(users.c.id.in_(user_ids), users.c.deleted_at.is_(None))
        return {row.id: row.username for row in self._connection.execute(query)}

    def list(self, *, after: str = "", limit: int = 1000) -> list[User]:
        """Return up to `limit` users in the order of their canonical names, from the first one after `after`."""
        query = (
            select(*_COLUMNS)
            .where(users.c.canonical_username > after, users.c.deleted_at.is_(None))
            .order_by(users.c.canonical_username)
            .limit(limit)
        )
        return [User(*row) for row in self._connection.execute(query)]

    def get_for_update(self, user_id: UUID) -> User | None:
        """Return the user, and lock the row until the transaction ends. A deleted user is nobody."""
        query = select(*_COLUMNS).where(users.c.id == user_id, users.c.deleted_at.is_(None)).with_for_update()
        row = self._connection.execute(query).one_or_none()
        return User(*row) if row is not None else None

    def count_hashes(self, *, own: Sequence[str], kind_of: Callable[[str], str | None]) -> dict[str, int]:
        """Count the password hashes that begin with no prefix in `own`, by the kind that `kind_of` returns.

        A hash for which it returns None is not counted. Checks at most _MAX_CHECKED users.
        """
        stored = select(func.ltrim(users.c.password_hash, " \t\r\n").label("hash")).limit(_MAX_CHECKED).subquery()
        others = select(stored.c.hash).where(not_(_begins_with_one_of(stored.c.hash, own)))
        counts = Counter(kind_of(row[0].strip()) for row in self._connection.execute(others))
        return {kind: counts[kind] for kind in sorted(filter(None, counts))}

    def count_names_with_at(self) -> int:
        """Count the user names that contain @, among at most _MAX_CHECKED users."""
        names = select(users.c.canonical_username).limit(_MAX_CHECKED).subquery()
        query = select(func.count()).select_from(names).where(names.c.canonical_username.contains("@"))
        return int(self._connection.execute(query).scalar_one())

    def count_without_second_factor(self, *, role: str | None) -> int:
        """Count the users, those with the role if there is one, who have no second factor.

        Checks at most _MAX_CHECKED users.
        """
        query = (
            select(users.c.second_factor_since, users.c.roles)
            .where(users.c.disabled_at.is_(None), users.c.is_service_account.is_(False))
            .limit(_MAX_CHECKED)
        )
        checked = query.subquery()
        count = select(func.count()).select_from(checked).where(checked.c.second_factor_since.is_(None))
        if role is not None:
            count = count.where(_has_role(checked.c.roles, role))
        return int(self._connection.execute(count).scalar_one())

    def set_settings(self, user_id: UUID, settings: dict[str, Any]) -> None:
        self._set(user_id, settings=settings)

    def set_password_hash(self, user_id: UUID, password_hash: str) -> None:
        """Replace the hash of the same password. `change_password` is for another password."""
        self._set(user_id, password_hash=password_hash)

    def change_password(self, user_id: UUID, password_hash: str | None) -> None:
        """Set the hash of another password, or None. All links in mails become void.

        No address waits for verification then. Somebody whom the new password shuts out may have entered it, and a mail
        that is sent later would have a link for the new state.
        """
        self._set(user_id, password_hash=password_hash, pending_email=None, security_stamp=_new_stamp())

    def set_pending_email(self, user_id: UUID, email: str | None) -> None:
        self._set(user_id, pending_email=email)

    def change_email(
        self,
        user_id: UUID,
        *,
        email: str | None,
        canonical_email: str | None,
        former_email: str | None,
        former_email_until: datetime | None,
    ) -> None:
        """Set the verified address. No address waits for verification then, and all links in mails become void.

        Raises:
            DuplicateEmail: another user has verified it. If several requests verify it, one of them succeeds.
        """
        try:
            self._set(
                user_id,
                email=email,
                canonical_email=canonical_email,
                pending_email=None,
                former_email=former_email,
                former_email_until=former_email_until,
                security_stamp=_new_stamp(),
            )
        except IntegrityError as error:
            raise _duplicate(error) from None

    def rename(self, user_id: UUID, *, username: str, canonical_username: str) -> None:
        """Set the user name.

        Raises:
            DuplicateUsername: another user has it.
        """
        try:
            self._set(user_id, username=username, canonical_username=canonical_username)
        except IntegrityError as error:
            raise _duplicate(error) from None

    def set_last_login(self, user_id: UUID, at: datetime) -> None:
        self._connection.execute(_SET_LAST_LOGIN, {"of_user": user_id, "last_login_at": at})

    def set_roles(self, user_id: UUID, roles: Sequence[str]) -> None:
        self._set(user_id, roles=list(roles))
        replace_roles(self._connection, user_id, roles)

    def has_another(self, user_id: UUID, *, role: str) -> bool:
        """Return whether an enabled user other than this one has the role and can sign in.

        That takes a password, a passkey, or a verified address, to which a link for a password can go.
        """
        query = (
            select(users.c.id)
            .join_from(user_roles, users)
            .where(
                user_roles.c.role == role,
                user_roles.c.user_id != user_id,
                users.c.disabled_at.is_(None),
                users.c.is_service_account.is_(False),
                or_(
                    users.c.password_hash.is_not(None),
                    users.c.canonical_email.is_not(None),
                    select(_passkeys.c.user_id).where(_passkeys.c.user_id == users.c.id).exists(),
                ),
                # Somebody may have changed the roles by SQL, and forgotten the rows that repeat them.
                _has_role(users.c.roles, role),
            )
            .limit(1)
        )
        return self._connection.execute(query).one_or_none() is not None

    def set_metadata(self, user_id: UUID, metadata: Mapping[str, Any]) -> None:
        self._set(user_id, metadata=dict(metadata))

    def set_disabled(self, user_id: UUID, disabled_at: datetime | None) -> None:
        """Disable the user, or enable the user again for None.

        All links in mails become void, and no address waits for verification, as after `change_password`.
        """
        self._set(user_id, disabled_at=disabled_at, pending_email=None, security_stamp=_new_stamp())

    def set_second_factor_since(self, user_id: UUID, since: datetime | None) -> None:
        """Record a change of the second factors. `since` is None if the user has none any more.

        All links in mails become void, and with them tickets and remembered devices.
        """
        self._set(user_id, second_factor_since=since, security_stamp=_new_stamp())

    def set_second_factor_due(self, user_id: UUID, at: datetime | None) -> None:
        self._set(user_id, second_factor_due_at=at)

    def webauthn_handle(self, user_id: UUID) -> bytes | None:
        return self._connection.execute(
            select(users.c.webauthn_handle).where(users.c.id == user_id)
        ).scalar_one_or_none()

    def set_webauthn_handle(self, user_id: UUID, handle: bytes) -> None:
        """Set the handle of a user who has none. The row must be locked: a handle never changes."""
        self._set(user_id, webauthn_handle=handle)

    def mark_deleted(self, user_id: UUID, at: datetime) -> None:
        """Take everything that is personal from the row, and disable the user, whom nobody finds any more."""
        name = f" {user_id.hex}"  # begins with a space, as no name of a user
        self._set(
            user_id,
            username=name,
            canonical_username=name,
            password_hash=None,
            roles=[],
            settings={},
            disabled_at=at,
            email=None,
            canonical_email=None,
            pending_email=None,
            former_email=None,
            former_email_until=None,
            security_stamp=_new_stamp(),
            last_login_at=None,
            second_factor_since=None,
            second_factor_due_at=None,
            webauthn_handle=None,
            deleted_at=at,
            metadata={},
            external_id=None,
        )
        replace_roles(self._connection, user_id, ())

    def deleted(self, *, before: datetime, limit: int) -> Sequence[UUID]:
        """Return the ids of up to `limit` users who were marked as deleted before, and whose rows remain."""
        marked = select(users.c.id).where(users.c.deleted_at < before).order_by(users.c.deleted_at).limit(limit)
        return self._connection.execute(marked).scalars().all()

    def delete_marked(self, user_ids: Sequence[UUID], *, limit: int) -> int:
        """Delete the rows of up to `limit` of these deleted users, and return how many."""
        marked = (users.c.id.in_(user_ids[:limit]), users.c.deleted_at.is_not(None))
        return self._connection.execute(delete(users).where(*marked)).rowcount

    def _set(self, user_id: UUID, **values: Any) -> None:
        self._connection.execute(update(users).where(users.c.id == user_id).values(values))


def _new_stamp() -> bytes:
    return secrets.token_bytes(16)


def _duplicate(error: IntegrityError) -> DuplicateUsername | DuplicateEmail:
    return DuplicateEmail() if "canonical_email" in str(error.orig) else DuplicateUsername()


def _has_role(roles: ColumnElement[Any], role: str) -> ColumnElement[bool]:
    """Look for the role in the JSON text of a list of roles."""
    return cast(roles, String).contains(json.dumps(role), autoescape=True)


def _begins_with_one_of(text: ColumnElement[str], prefixes: Sequence[str]) -> ColumnElement[bool]:
    """Compare with all prefixes of one length in one step, because there may be hundreds."""
    by_length: dict[int, list[str]] = {}
    for prefix in prefixes:
        by_length.setdefault(len(prefix), []).append(prefix)
    return or_(*(func.substr(text, 1, length).in_(same_length) for length, same_length in by_length.items()))
