"""What is worth remembering: the events, each written in the transaction of the change that it tells of."""

from datetime import datetime
from uuid import UUID

from jwtapi.client import Client
from jwtapi.storage.records import EventType
from jwtapi.storage.unit_of_work import UnitOfWork


async def record(  # noqa: PLR0913  an event has these parts
    uow: UnitOfWork,
    type_: EventType,
    *,
    at: datetime,
    client: Client,
    user_id: UUID | None,
    session_id: UUID | None = None,
) -> None:
    await uow.events.add(
        type_,
        at=at,
        user_id=user_id,
        session_id=session_id,
        address=client.address,
        request_id=client.request_id,
    )
