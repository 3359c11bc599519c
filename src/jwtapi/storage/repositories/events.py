"""Queries on events. There is no way to change one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jwtapi.storage.records import Event
from jwtapi.storage.tables import events


class EventRepository:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(  # noqa: PLR0913  a row's columns
        self,
        type_: str,
        *,
        at: datetime,
        user_id: UUID | None,
        session_id: UUID | None,
        address: str | None,
        request_id: str | None,
    ) -> None:
        await self._connection.execute(
            insert(events).values(
                type=type_, at=at, user_id=user_id, session_id=session_id, address=address, request_id=request_id
            )
        )

    async def of_user(self, user_id: UUID | None) -> list[Event]:
        """The events of a user, oldest first; of None, those that name no user."""
        query = select(events).where(events.c.user_id.is_not_distinct_from(user_id)).order_by(events.c.id)
        return [Event(*row) for row in await self._connection.execute(query)]
