"""Queries on events. There is no way to change one."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    TextClause,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.storage.records import Event, EventType
from jwtapi.storage.tables import events

_COLUMNS = [column for column in events.c if column is not events.c.transaction_id]

# Ids are given out in one order and committed in another, so on PostgreSQL a row may appear below the last one seen. A
# snapshot says exactly which transactions were over when it was taken; new is what had not begun or was under way then.
# All since the oldest under way would be too many: it may be of another database, and run for days. The upper bound
# keeps out what a restored dump brought from another server, where transactions had other numbers.
_END_ON_POSTGRESQL: ColumnElement[str] = cast(func.pg_current_snapshot(), Text)
_NEW_ON_POSTGRESQL = text("""(
    (
        events.transaction_id >= pg_snapshot_xmax(CAST(CAST(:position AS text) AS pg_snapshot))::text::bigint
        AND events.transaction_id < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    )
    OR events.transaction_id = ANY (
        ARRAY(SELECT pg_snapshot_xip(CAST(CAST(:position AS text) AS pg_snapshot))::text::bigint)
    )
)""")
_END_ON_SQLITE: ColumnElement[str] = cast(select(func.coalesce(func.max(events.c.id), 0)).scalar_subquery(), Text)
_NEW_ON_SQLITE: ColumnElement[bool] = events.c.id > cast(bindparam("position"), Integer)


def _since(end: ColumnElement[str], is_new: ColumnElement[bool] | TextClause) -> Select[Any]:
    """The end and what is new in one statement, so that both are of one moment. Made once: it is sent all the time."""
    types = events.c.type.in_(bindparam("types", expanding=True))
    return select(end, *_COLUMNS).select_from(select(literal(1)).subquery().outerjoin(events, and_(is_new, types)))


_SINCE_ON_POSTGRESQL = _since(_END_ON_POSTGRESQL, _NEW_ON_POSTGRESQL)
_SINCE_ON_SQLITE = _since(_END_ON_SQLITE, _NEW_ON_SQLITE)


class EventRepository:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.added: list[Event] = []
        """The events of this unit of work, whether or not it is committed in the end; their ids are 0."""

    async def add(  # noqa: PLR0913  a row's columns
        self,
        type_: EventType,
        *,
        at: datetime,
        user_id: UUID | None,
        session_id: UUID | None,
        address: str | None,
        request_id: str | None,
    ) -> None:
        event = Event(0, at, type_, user_id, session_id, address, request_id)
        self.added.append(event)
        await self._connection.execute(
            insert(events).values(
                type=type_, at=at, user_id=user_id, session_id=session_id, address=address, request_id=request_id
            )
        )

    async def add_revocations(
        self,
        session_ids: Sequence[UUID],
        *,
        at: datetime,
        user_id: UUID,
        address: str | None,
        request_id: str | None,
    ) -> None:
        """Add SESSION_REVOKED for each of these sessions of a user, all in one statement."""
        type_ = EventType.SESSION_REVOKED
        revocations = [Event(0, at, type_, user_id, session_id, address, request_id) for session_id in session_ids]
        self.added += revocations
        if revocations:
            columns = [column.name for column in _COLUMNS if column is not events.c.id]
            values = [{name: getattr(event, name) for name in columns} for event in revocations]
            await self._connection.execute(insert(events), values)

    async def of_user(self, user_id: UUID | None) -> list[Event]:
        """The events of a user, oldest first; of None, those that name no user."""
        query = select(*_COLUMNS).where(events.c.user_id.is_not_distinct_from(user_id)).order_by(events.c.id)
        return [Event(*row) for row in await self._connection.execute(query)]

    async def end(self) -> str:
        """Where the events end now, for `since`: the highest id, on PostgreSQL a snapshot."""
        end = _END_ON_POSTGRESQL if self._on_postgresql else _END_ON_SQLITE
        return str((await self._connection.execute(select(end))).scalar_one())

    async def since(self, position: str, types: Collection[EventType]) -> tuple[list[Event], str]:
        """The events of these types that were committed after `position`, each once, and where the events end now."""
        statement = _SINCE_ON_POSTGRESQL if self._on_postgresql else _SINCE_ON_SQLITE
        rows = (await self._connection.execute(statement, {"position": position, "types": list(types)})).all()
        return [Event(*row[1:]) for row in rows if row[1] is not None], str(rows[0][0])

    async def prune(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` events older than `before`, and say how many."""
        # Not the last one: SQLite would give its id away again, and who follows the ids would miss the next event.
        last = select(func.max(events.c.id)).scalar_subquery()
        old = select(events.c.id).where(events.c.at < before, events.c.id < last).order_by(events.c.at).limit(limit)
        return (await self._connection.execute(delete(events).where(events.c.id.in_(old)))).rowcount

    @property
    def _on_postgresql(self) -> bool:
        return self._connection.dialect.name == "postgresql"
