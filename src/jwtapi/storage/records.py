"""Rows as plain values, so that nobody above storage holds anything of the database."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class User:
    id: UUID
    username: str
    """As its owner wrote it."""
    canonical_username: str
    """What decides whether two names are one."""
    password_hash: str
    roles: list[str]
    settings: dict[str, Any]
    created_at: datetime
    disabled_at: datetime | None

    def __repr__(self) -> str:
        return f"User(id={self.id})"


@dataclass(frozen=True, slots=True)
class Session:
    id: UUID
    user_id: UUID
    generation: int
    """How often it was refreshed; the one refresh token that is good now carries this number."""
    key: bytes
    """32 random bytes that every refresh token of the session proves."""
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    """When it dies unless refreshed before; never past `ends_at`."""
    ends_at: datetime
    """When it dies however often it is refreshed."""
    revoked_at: datetime | None
    previously_refreshed_at: datetime | None = None
    """When the refresh before the last one was."""
    arrived_generation: int = 0
    """The newest generation of which a token is known to have reached the client; see sessions/worth.py."""
    late_generation: int | None = None
    """The last generation that was handed out again to its predecessor after the grace."""

    def is_alive(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at

    def __repr__(self) -> str:
        return f"Session(id={self.id}, generation={self.generation})"


class EventType(StrEnum):
    USER_REGISTERED = "user.registered"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    USER_DELETED = "user.deleted"
    PASSWORD_CHANGED = "user.password_changed"  # noqa: S105  an event, no password
    ROLES_CHANGED = "user.roles_changed"
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    SESSION_REVOKED = "session.revoked"
    REFRESH_TOKEN_REUSED = "session.refresh_token_reused"  # noqa: S105  an event, no password


@dataclass(frozen=True, slots=True)
class Event:
    id: int
    at: datetime
    type: str
    user_id: UUID | None
    session_id: UUID | None
    address: str | None
    request_id: str | None
