"""Sessions: the table, the record and the queries.

If several requests change a session, the condition of one statement here decides which of them succeeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    JSON,
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Date,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Update,
    Uuid,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from jwtapi.storage.events import Event, EventRepository, event_parameters, with_events
from jwtapi.storage.hot_statement import HotStatement
from jwtapi.storage.metadata import COMPUTED, PRUNED, columns_of, metadata
from jwtapi.storage.types import UtcDateTime
from jwtapi.storage.users import User, UserRepository, users

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    # How often the session was refreshed. The current refresh token carries this number.
    Column("generation", Integer, nullable=False),
    # Random. Every refresh token proves that its issuer knew the key, so REFRESH_SECRET alone cannot forge one.
    Column("key", LargeBinary(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("refreshed_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    # When the refresh before the last one was; NULL if there was none.
    Column("previously_refreshed_at", UtcDateTime),
    # The newest generation of which a token is known to have reached the client; see sessions/worth.py.
    Column("arrived_generation", Integer, nullable=False, server_default="0"),
    # The last generation whose token was issued again to the client of its predecessor after the grace; NULL if none.
    Column("late_generation", Integer),
    # How, when and from where the user signed in. NULL in rows that were made before migration 0004.
    Column("amr", JSON(none_as_null=True)),
    Column("auth_time", UtcDateTime),
    Column("address", String(64)),
    Column("user_agent", String(256)),
    # The client that signed in the user, and alone may refresh the session. NULL if any may. No foreign key, because
    # the session must not become anybody's when the client is deleted.
    Column("client_id", Uuid),
    # The database computes it from `expires_at` (migration 0002). PostgreSQL writes no index entries for a refresh that
    # changes no indexed column, and this column changes once a day.
    Column("expires_on", Date, index=True, info=COMPUTED),
    # The sessions of a user that are not revoked. A user who signs in and out all day leaves thousands of revoked ones.
    Index(
        "ix_sessions_user_id_unrevoked",
        "user_id",
        sqlite_where=text("revoked_at IS NULL"),
        postgresql_where=text("revoked_at IS NULL"),
    ),
    # The sessions that ended at one moment.
    Index(
        "ix_sessions_revoked_at",
        "revoked_at",
        sqlite_where=text("revoked_at IS NOT NULL"),
        postgresql_where=text("revoked_at IS NOT NULL"),
    ),
    info=PRUNED,
)


@dataclass(frozen=True, slots=True)
class Session:
    id: UUID
    user_id: UUID
    generation: int
    """How often the session was refreshed. The current refresh token carries this number."""
    key: bytes
    """32 random bytes. Every refresh token of the session proves that its issuer knew them."""
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    """When the session ends unless it is refreshed before. Never later than `ends_at`."""
    ends_at: datetime
    """When the session ends, even if it is refreshed."""
    revoked_at: datetime | None
    previously_refreshed_at: datetime | None = None
    """When the refresh before the last one was."""
    arrived_generation: int = 0
    """The newest generation of which a token is known to have reached the client; see sessions/worth.py."""
    late_generation: int | None = None
    """The last generation whose token was issued again to the client of its predecessor after the grace."""
    amr: list[str] | None = None
    """The methods by which the user signed in (RFC 8176). None if an earlier version opened the session."""
    auth_time: datetime | None = None
    """When the user signed in. None if an earlier version opened the session."""
    address: str | None = None
    """The network address that opened the session."""
    user_agent: str | None = None
    """The header User-Agent of the request that opened the session, at most 256 characters."""
    client_id: UUID | None = None
    """The client that alone may refresh the session. None if any may."""

    def is_alive(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at

    def may_be_refreshed_by(self, client_id: UUID | None) -> bool:
        """Return whether this client, or nobody in particular if None, may refresh the session. It never changes."""
        return self.client_id is None or self.client_id == client_id

    def __repr__(self) -> str:
        return f"Session(id={self.id}, generation={self.generation})"


_COLUMNS = columns_of(sessions, Session)
_COLUMNS_OF_USER = columns_of(users, User)

_others = sessions.alias("others")


def _alive(
    now: datetime | BindParameter[datetime], *, of: FromClause = sessions
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return of.c.revoked_at.is_(None), of.c.expires_at > now


# Built once, because building a statement takes a third as long as running it. These statements run most often.
_user = select(users.c.id).where(users.c.id == sessions.c.user_id).correlate(sessions)


def _with_user(*of_owner: Column[Any]) -> HotStatement:
    """Select columns of the owner, and then those of the session."""
    return HotStatement(
        select(*of_owner, *_COLUMNS).join_from(sessions, users).where(sessions.c.id == bindparam("session_id"))
    )


def _rotate(*of_owner: Column[Any]) -> HotStatement:
    """Return columns of the owner, and then those of the session."""
    return HotStatement(
        update(sessions)
        .where(
            sessions.c.id == bindparam("session_id"),
            sessions.c.user_id == bindparam("of_user"),
            sessions.c.generation == bindparam("present_generation"),
            # Without a client, a session of a client does not match: NULL equals nothing.
            or_(sessions.c.client_id.is_(None), sessions.c.client_id == bindparam("of_client")),
            *_alive(bindparam("now")),
            _user.where(users.c.disabled_at.is_(None)).exists(),
        )
        .values(
            generation=bindparam("next_generation"),
            previously_refreshed_at=sessions.c.refreshed_at,
            refreshed_at=bindparam("now"),
            expires_at=case(
                (sessions.c.ends_at < bindparam("idle_until"), sessions.c.ends_at), else_=bindparam("idle_until")
            ),
        )
        # SQLite returns columns of another table only from subqueries.
        .returning(*(_user.with_only_columns(column).scalar_subquery() for column in of_owner), *_COLUMNS)
    )


# Only installations that copy metadata into tokens (TOKEN_CLAIMS) read them.
_WITH_USER = {
    False: _with_user(users.c.username, users.c.roles, users.c.disabled_at),
    True: _with_user(users.c.username, users.c.roles, users.c.disabled_at, users.c.metadata),
}
_ROTATE = {
    False: _rotate(users.c.username, users.c.roles),
    True: _rotate(users.c.username, users.c.roles, users.c.metadata),
}
_OTHERS_ALIVE = (
    select(func.count())
    .select_from(_others)
    .where(
        _others.c.user_id == bindparam("of_user"),
        _others.c.id != bindparam("new_id"),
        *_alive(bindparam("now"), of=_others),
    )
    .scalar_subquery()
)
_ADD = insert(sessions).returning(_OTHERS_ALIVE)


# Skips locked rows. This transaction marks many rows, and another one may revoke many, so they could deadlock. Skipping
# does little harm. If the other transaction refreshes or ends the session, the mark no longer matters. If it issues the
# token again late, the same is possible once more.
_MARK_ARRIVED = (
    update(sessions)
    .where(
        sessions.c.id
        == select(_others.c.id)
        .where(
            _others.c.id == bindparam("session_id"),
            _others.c.generation == bindparam("arrived"),
            _others.c.arrived_generation < bindparam("arrived"),
        )
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    .values(arrived_generation=bindparam("arrived"))
)


def _ending(*which: ColumnElement[bool]) -> Update:
    # Set the expiry too, because pruning and counting find sessions by it.
    return (
        update(sessions)
        .where(*which, *_alive(bindparam("now")))
        .values(revoked_at=bindparam("now"), expires_at=bindparam("now"))
    )


def _surplus() -> ColumnElement[bool]:
    others = and_(sessions.c.user_id == bindparam("of_user"), sessions.c.id != bindparam("new_id"))
    freshness = (sessions.c.refreshed_at, sessions.c.id)
    # Compare with one row. If we looked each row up in a list of rows, PostgreSQL with old statistics would compare
    # each of thousands with each other.
    newest_surplus = (
        select(*freshness)
        .where(others, *_alive(bindparam("now")))
        .order_by(*(column.desc() for column in freshness))
        .offset(bindparam("keep"))
        .limit(1)
        .scalar_subquery()
    )
    return and_(others, tuple_(*freshness) <= newest_surplus)


_END = _ending(sessions.c.id == bindparam("session_id"), sessions.c.user_id == bindparam("of_user")).returning(
    sessions.c.id
)
_END_SURPLUS = _ending(_surplus()).returning(sessions.c.id)
# Locks the user before the first session, as all that change many sessions do. Otherwise two such statements could lock
# the sessions in different orders, and deadlock.
_locked_user = select(users.c.id).where(users.c.id == bindparam("of_user")).with_for_update().scalar_subquery()
_END_ALL = _ending(sessions.c.user_id == _locked_user)
_END_OTHERS = _ending(sessions.c.user_id == _locked_user, sessions.c.id != bindparam("kept"))


# Skips a user whom another transaction has locked. While this statement waited, logins could commit whose sessions it
# would not count, because it sees the database as it was when it began.
_owner = (
    select(*_COLUMNS_OF_USER)
    .where(
        users.c.id == bindparam("of_user"),
        users.c.password_hash.is_not_distinct_from(bindparam("present_hash")),
        users.c.second_factor_since.is_not_distinct_from(bindparam("present_factor")),
        users.c.disabled_at.is_(None),
    )
    .with_for_update(skip_locked=True)
    .cte("owner")
)
_added = (
    insert(sessions)
    .from_select(
        _COLUMNS,
        select(
            *(
                _owner.c.id if column is sessions.c.user_id else bindparam(f"new_{column.name}", type_=column.type)
                for column in _COLUMNS
            )
        ),
    )
    .returning(sessions.c.id, sessions.c.user_id)
    .cte("added")
)
_login_recorded = (
    update(users)
    .where(users.c.id == _added.c.user_id)
    .values(last_login_at=bindparam("new_created_at", type_=users.c.last_login_at.type))
    .cte("login_recorded")
)
_ADD_UNLESS_USER_CHANGED = (
    with_events(_added, 1, _OTHERS_ALIVE, *_owner.c).where(_owner.c.id == _added.c.user_id).add_cte(_login_recorded)
)


class Added(NamedTuple):
    """A new session."""

    user: User
    """As stored now. The roles may have changed since the password was checked."""
    others: int
    """How many other sessions of the user are alive."""


class Owner(NamedTuple):
    """What a session needs of its user."""

    username: str
    roles: Sequence[str]
    disabled_at: datetime | None
    metadata: Mapping[str, Any] | None = None
    """None: nothing needs them, so they were not read."""


class SessionOfUser(NamedTuple):
    session: Session
    owner: Owner

    def lets_in(self, now: datetime) -> bool:
        """Return whether the session is alive and its user enabled."""
        return self.session.is_alive(now) and self.owner.disabled_at is None


class SessionRepository:
    def __init__(self, connection: Connection, events: EventRepository) -> None:
        self._connection = connection
        self._events = events

    def add(self, session: Session) -> int:
        """Store a new session, record the login, and return how many other sessions of its user are alive."""
        UserRepository(self._connection).set_last_login(session.user_id, session.created_at)
        values = {column.name: getattr(session, column.name) for column in _COLUMNS}
        others = {"of_user": session.user_id, "new_id": session.id, "now": session.created_at}
        return int(self._connection.execute(_ADD, values | others).scalar_one())

    def add_unless_user_changed(self, session: Session, user: User, template: Event) -> Added | None:
        """Store a new session with an event, if its user still has the same password hash, has got no second factor or
        lost one, and is not disabled.

        Return None if nothing was stored. On PostgreSQL this is one statement, which can commit by itself. It locks the
        user, as `UserRepository.get_for_update` does, but stores nothing if that would have to wait.
        """
        if self._connection.dialect.name != "postgresql":
            stored = UserRepository(self._connection).get(user.id)
            if stored is None or stored.disabled_at is not None or stored.proved_by != user.proved_by:
                return None
            others = self.add(session)
            self._events.add(replace(template, session_id=session.id))
            return Added(stored, others)
        values = {f"new_{column.name}": getattr(session, column.name) for column in _COLUMNS}
        present = {"present_hash": user.password_hash, "present_factor": user.second_factor_since}
        others_of = {"of_user": user.id, "now": session.created_at}
        parameters = values | present | others_of | event_parameters([template])
        row = self._connection.execute(_ADD_UNLESS_USER_CHANGED, parameters).one_or_none()
        if row is None:
            return None
        self._events.added.append(replace(template, session_id=session.id))
        return Added(User(*row[1:]), row[0])

    def get(self, session_id: UUID) -> Session | None:
        row = self._connection.execute(select(*_COLUMNS).where(sessions.c.id == session_id)).one_or_none()
        return Session(*row) if row is not None else None

    def with_user(self, session_id: UUID, *, with_metadata: bool = False) -> SessionOfUser | None:
        row = _WITH_USER[with_metadata].row(self._connection, {"session_id": session_id})
        if row is None:
            return None
        of_owner, of_session = _split(row)
        return SessionOfUser(Session(*of_session), Owner(*of_owner))

    def alive_of(self, user_id: UUID, now: datetime, *, limit: int) -> list[Session]:
        """Return up to `limit` sessions of the user that are alive, the last refreshed first."""
        query = (
            select(*_COLUMNS)
            .where(sessions.c.user_id == user_id, *_alive(now))
            .order_by(sessions.c.refreshed_at.desc(), sessions.c.id)
            .limit(limit)
        )
        return [Session(*row) for row in self._connection.execute(query)]

    def rotate(  # noqa: PLR0913  all of them decide
        self,
        session_id: UUID,
        user_id: UUID,
        generation: int,
        *,
        now: datetime,
        idle_until: datetime,
        client_id: UUID | None = None,
        with_metadata: bool = False,
    ) -> SessionOfUser | None:
        """Move a session from `generation` to the next one. It expires at `idle_until`, or at `ends_at` if earlier.

        Return None if it has ended, if its user is disabled or another one, if another request moved it first, or if
        it is of another client than `client_id`.
        """
        values = {
            "session_id": session_id,
            "of_user": user_id,
            "present_generation": generation,
            "next_generation": generation + 1,
            "now": now,
            "idle_until": idle_until,
            "of_client": client_id,
        }
        row = _ROTATE[with_metadata].row(self._connection, values)
        if row is None:
            return None
        (username, roles, *metadata), of_session = _split(row)
        return SessionOfUser(Session(*of_session), Owner(username, roles, None, *metadata))

    def reissue_late(self, session: Session, *, now: datetime) -> Session | None:
        """Record that the current token is issued again, after the grace, to a client that has its predecessor.

        Return None if that is not allowed: the session has ended or moved on, a token of this generation has reached
        the client, or the token of the previous generation was issued again late too.
        """
        statement = (
            update(sessions)
            .where(
                sessions.c.id == session.id,
                sessions.c.generation == session.generation,
                sessions.c.arrived_generation < session.generation,
                sessions.c.late_generation.is_distinct_from(session.generation - 1),
                *_alive(now),
            )
            .values(late_generation=session.generation)
            .returning(*_COLUMNS)
        )
        row = self._connection.execute(statement).one_or_none()
        return Session(*row) if row is not None else None

    def reauthenticate(
        self, session_id: UUID, user_id: UUID, *, amr: Sequence[str], auth_time: datetime, now: datetime
    ) -> Session | None:
        """Record that the user has signed in again. Return None if the session has ended or is of another user."""
        statement = (
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.user_id == user_id, *_alive(now))
            .values(amr=list(amr), auth_time=auth_time)
            .returning(*_COLUMNS)
        )
        row = self._connection.execute(statement).one_or_none()
        return Session(*row) if row is not None else None

    def set_amr(self, session_id: UUID, amr: Sequence[str]) -> None:
        """Set how the user signed in. An access token that claims more is refused from then on."""
        self._connection.execute(update(sessions).where(sessions.c.id == session_id).values(amr=list(amr)))

    def mark_arrived(self, generations: Mapping[UUID, int]) -> None:
        """Record, by session, the generation whose token has reached the client. Older generations are ignored."""
        values = [{"session_id": id_, "arrived": generation} for id_, generation in generations.items()]
        self._connection.execute(_MARK_ARRIVED, values)

    def revoke(self, session_id: UUID, user_id: UUID, *templates: Event) -> bool:
        """End the session, and add an event of each template.

        Return False if it had ended before, or if it belongs to another user. Then no event is added.
        """
        return bool(self._end(_END, templates, session_id=session_id, of_user=user_id))

    def revoke_all(self, user_id: UUID, template: Event, *, keep: UUID | None = None) -> int:
        """End every session of the user except `keep`. Return how many were alive.

        However many they are, there is one event. Its details have the `count`, and the id of the session that was
        `kept`. Without a session to end there is none.
        """
        parameters: dict[str, Any] = {"of_user": user_id, "now": template.at}
        if keep is None:
            return self._events.add_one_for_all_sessions(_END_ALL, parameters, template)
        template = replace(template, details={"kept": str(keep)})
        return self._events.add_one_for_all_sessions(_END_OTHERS, parameters | {"kept": keep}, template)

    def revoke_surplus(self, session: Session, template: Event, *, keep: int) -> int:
        """End all sessions of a session's user, except it and the `keep` last refreshed. Return how many."""
        return len(self._end(_END_SURPLUS, (template,), of_user=session.user_id, new_id=session.id, keep=keep))

    def delete_of(self, user_ids: Sequence[UUID], *, limit: int) -> int:
        """Delete up to `limit` sessions of these users, and return how many."""
        some = select(sessions.c.id).where(sessions.c.user_id.in_(user_ids)).limit(limit)
        return self._connection.execute(delete(sessions).where(sessions.c.id.in_(some))).rowcount

    def exists(self) -> bool:
        """Return whether there is any session, also an ended one."""
        return self._connection.execute(select(sessions.c.id).limit(1)).first() is not None

    def count_alive(self, now: datetime) -> int:
        """Count the sessions that are alive. The index on their days suffices, except for those that end today.

        The sessions of deleted users remain for a while, but they let nobody in.
        """
        today = now.astimezone(UTC).date()
        count = select(func.count()).select_from(sessions)
        later = count.where(sessions.c.expires_on > today)
        of_today = count.where(sessions.c.expires_on == today, *_alive(now))
        of_deleted = count.join(users).where(users.c.deleted_at <= now, *_alive(now))
        statement = select(later.scalar_subquery() + of_today.scalar_subquery() - of_deleted.scalar_subquery())
        return int(self._connection.execute(statement).scalar_one())

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` sessions that ended on a day before that of `before`, and return how many."""
        day = before.astimezone(UTC).date()
        has_ended = sessions.c.expires_on < day
        ended = select(sessions.c.id).where(has_ended).order_by(sessions.c.expires_on).limit(limit)
        # Check the condition again when deleting: a server whose clock is behind ours may have refreshed the session
        # after the row was found.
        statement = delete(sessions).where(sessions.c.id.in_(ended), has_ended)
        return self._connection.execute(statement).rowcount

    def _end(self, which: ReturningUpdate[tuple[UUID]], templates: Sequence[Event], **values: Any) -> list[UUID]:
        return self._events.add_for_each_session(which, values | {"now": templates[0].at}, templates)


def _split(row: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Split a row into the columns of the owner and those of the session."""
    of_owner = len(row) - len(_COLUMNS)
    return row[:of_owner], row[of_owner:]
