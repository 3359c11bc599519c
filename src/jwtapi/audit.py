"""Records events, each in the transaction of the change that it describes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from jwtapi.caller import Caller
from jwtapi.storage.events import Event, EventType
from jwtapi.storage.unit_of_work import UnitOfWork


async def record(  # noqa: PLR0913  an event has these parts
    uow: UnitOfWork,
    type_: EventType,
    *,
    at: datetime,
    caller: Caller,
    user_id: UUID | None,
    session_ids: Sequence[UUID | None] = (None,),
    details: Mapping[str, Any] | None = None,
) -> None:
    """Record an event for each of `session_ids`, all in one statement. By default it is one, which names no session.

    `details` is a JSON object without secrets.
    """
    events = [
        Event(
            id=0,
            at=at,
            type=type_.name,
            user_id=user_id,
            session_id=session_id,
            address=caller.address,
            request_id=caller.request_id,
            actor_id=caller.actor_id,
            details=details,
        )
        for session_id in session_ids
    ]
    await uow.events.add(*events)
