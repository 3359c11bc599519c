"""Makes the records of events. A repository stores each one in the transaction of the change that it describes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from jwtapi.caller import Caller
from jwtapi.storage.events import Event, EventType


def event(  # noqa: PLR0913  an event has these parts
    type_: EventType,
    *,
    at: datetime,
    caller: Caller,
    user_id: UUID | None,
    session_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> Event:
    """Make an event to store. `details` is a JSON object without secrets. An act by an API key names the key in it."""
    if caller.key_id is not None:
        details = {**(details or {}), "key_id": str(caller.key_id)}
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
