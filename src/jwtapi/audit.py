"""What is worth remembering: the events, each written in the transaction of the change that it tells of."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from jwtapi.client import Client
from jwtapi.storage.unit_of_work import UnitOfWork


class EventType(StrEnum):
    USER_REGISTERED = "user.registered"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    USER_DELETED = "user.deleted"
    PASSWORD_CHANGED = "user.password_changed"  # noqa: S105  an event, no password
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    SESSION_REVOKED = "session.revoked"
    REFRESH_TOKEN_REUSED = "session.refresh_token_reused"  # noqa: S105  an event, no password


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
