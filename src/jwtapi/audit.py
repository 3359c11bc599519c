"""What is worth remembering: the events, each written in the transaction of the change that it tells of."""

from collections.abc import Sequence
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


async def record_revocations(
    uow: UnitOfWork, session_ids: Sequence[UUID], *, at: datetime, client: Client, user_id: UUID
) -> None:
    """Record the end of each of a user's sessions, in one statement however many they are."""
    await uow.events.add_revocations(
        session_ids, at=at, user_id=user_id, address=client.address, request_id=client.request_id
    )
