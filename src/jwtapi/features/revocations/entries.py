"""Makes the entries of the feed out of events.

An event only says where to look. What an entry states comes from the rows as they are now, so it is right whatever
happened in between, and however often it is sent.
"""

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from jwtapi.clients.events import CLIENT_DELETED
from jwtapi.features.revocations.storage import RevocationRepository, UserNow
from jwtapi.signing.events import SIGNING_KEY_REVOKED
from jwtapi.storage.events import Event, EventType, Invalidates, invalidated_by
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.token_claims import claims_of

_LATEST_USE = timedelta(seconds=60)
"""How long after a refresh its tokens are still made: in a later moment of the same request, and for other tabs."""


def matters(type_: EventType) -> bool:
    """Return whether tokens may be refused after events of this type."""
    if type_.invalidates is Invalidates.API_KEYS:  # services cannot check API keys by themselves
        return False
    return type_.invalidates is not Invalidates.NOTHING or type_ in {CLIENT_DELETED, SIGNING_KEY_REVOKED}


def ignored_types() -> list[str]:
    """Return the names of the other types. An unknown type, of a later version, is not one of them."""
    return [name for name, type_ in EventType.declared().items() if not matters(type_)]


class OwnClaims(NamedTuple):
    """The claim of access tokens that has members of the user's metadata."""

    namespace: str
    names: Collection[str]
    """Empty: there is no such claim."""


@dataclass(slots=True)
class Entries:
    """Until when each one matters, in seconds since 1970."""

    sessions: dict[str, int] = field(default_factory=dict)
    users: dict[str, tuple[UserNow | None, int]] = field(default_factory=dict)
    clients: dict[str, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.sessions or self.users or self.clients or self.keys)

    def add(self, later: "Entries") -> None:
        """Add entries that were read later."""
        for name in ("sessions", "clients", "keys"):
            known = getattr(self, name)
            for id_, until in getattr(later, name).items():
                known[id_] = max(until, known.get(id_, 0))
        for id_, (user, until) in later.users.items():
            self.users[id_] = user, max(until, self.users[id_][1] if id_ in self.users else 0)

    def lists(self, own_claims: OwnClaims) -> dict[str, list[dict[str, Any]]]:
        """Return the lists of an answer."""
        return {
            "sessions": [{"sid": sid, "until": until} for sid, until in self.sessions.items()],
            "users": [
                {"sub": sub, **_state(user, own_claims), "until": until} for sub, (user, until) in self.users.items()
            ],
            "clients": [{"client_id": id_, "until": until} for id_, until in self.clients.items()],
            "keys": [{"kid": kid, "until": until} for kid, until in self.keys.items()],
        }


def _state(user: UserNow | None, own_claims: OwnClaims) -> dict[str, Any]:
    if user is None or not user.is_active:
        return {"active": False}
    state = {"active": True, "username": user.username, "roles": list(user.roles)}
    claims = claims_of(user.metadata, own_claims.names)
    return state | ({"claims": {own_claims.namespace: json.loads(claims)}} if claims is not None else {})


class EntryMaker:
    def __init__(self, *, token_lifetime: timedelta, matters_for: timedelta, with_metadata: bool) -> None:
        """`matters_for`: how long after an event tokens from before it may be in use."""
        self._with_metadata = with_metadata
        self._token_lifetime = token_lifetime
        self._matters_for = matters_for

    def of(self, uow: UnitOfWork, events: Sequence[Event]) -> Entries:
        """Make the entries of events. It is a unit of work."""
        repository = RevocationRepository(uow.connection)
        sessions: dict[UUID, datetime] = {}
        users: dict[UUID, datetime] = {}
        ended_together: set[tuple[UUID, datetime]] = set()
        entries = Entries()
        for event in events:
            if event.type == CLIENT_DELETED.name:
                entries.clients |= self._named(event, "client_id")
                continue
            if event.type == SIGNING_KEY_REVOKED.name:
                entries.keys |= self._named(event, "kid")
                continue
            # Those of a later version may name both, and invalidate either.
            if event.session_id is not None:
                sessions[event.session_id] = max(event.at, sessions.get(event.session_id, event.at))
            if event.user_id is not None and (
                event.session_id is None or invalidated_by(event) is not Invalidates.SESSION
            ):
                users[event.user_id] = max(event.at, users.get(event.user_id, event.at))
                ended_together.add((event.user_id, event.at))
        if ended_together:
            used_since = min(at for _, at in ended_together) - self._token_lifetime - _LATEST_USE
            for id_, at in repository.ended_together(ended_together, used_since=used_since):
                entries.sessions[str(id_)] = self._until(at)
        for id_ in repository.ended(sessions):
            entries.sessions[str(id_)] = max(self._until(sessions[id_]), entries.sessions.get(str(id_), 0))
        now = repository.users(users, with_metadata=self._with_metadata)
        entries.users = {str(id_): (now.get(id_), self._until(at)) for id_, at in users.items()}
        return entries

    def _named(self, event: Event, detail: str) -> dict[str, int]:
        name = (event.details or {}).get(detail)
        return {name: self._until(event.at)} if name is not None else {}

    def _until(self, at: datetime) -> int:
        return math.ceil((at + self._matters_for).timestamp())
