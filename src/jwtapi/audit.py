"""Records events, each in the transaction of the change that it describes."""

from collections.abc import Mapping
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
    session_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Record one event. `details` is a JSON object without secrets."""
    await uow.events.add(event(type_, at=at, caller=caller, user_id=user_id, session_id=session_id, details=details))


def event(  # noqa: PLR0913  as above
    type_: EventType,
    *,
    at: datetime,
    caller: Caller,
    user_id: UUID | None,
    session_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> Event:
    """Make an event, for `uow.events.add(…)` with several in one statement."""
    return Event(
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
