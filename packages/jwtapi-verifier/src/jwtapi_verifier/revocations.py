"""What the feed of revocations has stated: which tokens are refused although they have not expired."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, NamedTuple

from jwtapi_verifier import strict_json
from jwtapi_verifier.claims import Claims
from jwtapi_verifier.errors import Reason

MAX_ENTRIES = 200_000
_MAX_CURSOR_LENGTH = 4096
_SWEEP_SECONDS = 60


class TooManyEntries(Exception):
    """There are more revocations than this process may hold."""


class UserState(NamedTuple):
    """What is true of a user now. A user without a name is disabled or deleted."""

    username: str | None
    roles: frozenset[str]
    until: float
    claims: tuple[tuple[str, str], ...] = ()
    """Names of claims, each with its value as canonical JSON."""


@dataclass(frozen=True)
class Entries:
    """Sessions, clients and keys with the NumericDate at which the last token that they concern has expired.

    Keys stay permanently: somebody who has a private key can make tokens that expire later, and the key set that still
    has the key may be a cached one.
    """

    sessions: dict[str, float] = field(default_factory=dict)
    users: dict[str, UserState] = field(default_factory=dict)
    clients: dict[str, float] = field(default_factory=dict)
    keys: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sessions) + len(self.users) + len(self.clients) + len(self.keys)

    def add(self, other: "Entries") -> None:
        self.sessions.update(other.sessions)
        self.users.update(other.users)
        self.clients.update(other.clients)
        self.keys.update(other.keys)

    def after(self, now: float) -> "Entries":
        """Return those that still concern tokens."""
        return Entries(
            sessions=_later(self.sessions, now),
            users={sub: state for sub, state in self.users.items() if state.until > now},
            clients=_later(self.clients, now),
            keys=self.keys,
        )

    def untils(self) -> Iterator[float]:
        users = (state.until for state in self.users.values())
        return chain(self.sessions.values(), users, self.clients.values())


class Update(NamedTuple):
    """An answer of the feed."""

    cursor: str
    is_reset: bool
    entries: Entries


class Revocations:
    """One thread applies the updates; any thread may ask."""

    def __init__(self) -> None:
        self._entries = Entries()
        self._sweep_at = -float("inf")
        self._forgotten_until = -float("inf")

    def __len__(self) -> int:
        return len(self._entries)

    def is_complete(self, now: float) -> bool:
        """Return whether no entry was dropped that concerns a token of now. The clock may have been set back."""
        return now >= self._forgotten_until

    def apply(self, update: Update, now: float) -> None:
        """Learn what an answer states.

        Raises:
            TooManyEntries: all are forgotten.
        """
        if update.is_reset:
            self._entries = replace(update.entries, keys=self._entries.keys | update.entries.keys)
            self._forgotten_until = -float("inf")
        else:
            self._entries.add(update.entries)
        if now >= self._sweep_at or len(self._entries) > MAX_ENTRIES:
            self._sweep(now)
        if len(self._entries) > MAX_ENTRIES:
            self._entries = Entries()
            raise TooManyEntries(f"there are more than {MAX_ENTRIES} revocations")

    def _sweep(self, now: float) -> None:
        kept = self._entries.after(now)
        dropped = (until for until in self._entries.untils() if until <= now)
        self._forgotten_until = max(dropped, default=self._forgotten_until)
        self._entries = kept
        self._sweep_at = now + _SWEEP_SECONDS

    def has_key(self, kid: str) -> bool:
        return kid in self._entries.keys

    def refusal(self, claims: Claims, kid: str) -> Reason | None:
        """Return why a token is refused, if it is."""
        entries = self._entries
        if claims.session_id in entries.sessions:
            return "session_ended"
        if kid in entries.keys:
            return "key_revoked"
        user = entries.users.get(claims.sub)
        if user is not None and not _is_current(claims, user):
            return "user_changed"
        if claims.client_id == claims.sub and claims.sub in entries.clients:
            return "client_deleted"
        return None


def _is_current(claims: Claims, user: UserState) -> bool:
    if user.username is None or (user.username, user.roles) != (claims.username, frozenset(claims.roles)):
        return False
    raw = claims.raw
    # A token without the claim is from before jwtapi had any for it.
    return all(name not in raw or _canonical(raw[name]) == value for name, value in user.claims)


def _canonical(value: Any) -> str:
    """Return JSON that is the same for the same value only. Python takes `1` and `true` for the same value."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _later(untils: dict[str, float], now: float) -> dict[str, float]:
    return {name: until for name, until in untils.items() if until > now}


def parse(document: bytes) -> Update:
    """Read an answer of the feed.

    Raises:
        ValueError: the document has another form. The message contains nothing of it.
    """
    answer = strict_json.loads(document)
    try:
        cursor, is_reset = answer["cursor"], answer["reset"]
        if not isinstance(is_reset, bool) or len(_text(cursor)) > _MAX_CURSOR_LENGTH:
            raise ValueError  # noqa: TRY301 - all that is wrong has one message
        entries = Entries(
            sessions={_text(entry["sid"]): _until(entry) for entry in answer["sessions"]},
            users={_text(entry["sub"]): _user(entry) for entry in answer["users"]},
            clients={_text(entry["client_id"]): _until(entry) for entry in answer["clients"]},
            keys={_text(entry["kid"]): _until(entry) for entry in answer["keys"]},
        )
    except (ValueError, TypeError, KeyError):
        raise ValueError("the answer is no answer of a feed of revocations") from None
    return Update(cursor, is_reset, entries)


def _user(entry: dict[str, Any]) -> UserState:
    if entry["active"] is False:
        return UserState(None, frozenset(), _until(entry))
    if entry["active"] is not True or not isinstance(entry["roles"], list):
        raise ValueError
    roles = frozenset(_text(role) for role in entry["roles"])
    claims = entry.get("claims", {})
    if not isinstance(claims, dict):
        raise ValueError  # noqa: TRY004 - it is a value of the document
    values = tuple((name, _canonical(value)) for name, value in claims.items())
    return UserState(_text(entry["username"]), roles, _until(entry), values)


def _until(entry: dict[str, Any]) -> float:
    until = entry["until"]
    if not isinstance(until, int | float) or isinstance(until, bool):
        raise ValueError  # noqa: TRY004 - it is a value of the document
    return until


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value
