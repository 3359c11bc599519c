"""What becomes of the signing keys, for people to read."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from jwtapi.security.key_ring import NEVER, Term
from jwtapi.storage.signing_keys import SigningKey


class KeyState(StrEnum):
    """What becomes of a key, in this order. A key can be revoked at any time."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRED = "retired"
    REMOVED = "removed"
    REVOKED = "revoked"
    FOREIGN = "foreign"
    """Another REFRESH_SECRET encrypts it. It verifies, and perhaps it signs elsewhere."""


class ListedKey(NamedTuple):
    kid: str
    algorithm: str
    state: KeyState
    created_at: datetime
    sign_from: datetime
    ends: datetime | None
    """When it stopped or stops verifying. None if no key replaces it yet."""


def listed(rows: Sequence[SigningKey], terms: Sequence[Term], now: datetime) -> list[ListedKey]:
    """Return the keys of the rows, in the same order. `terms` are those of the keys that are not revoked."""
    of_kid = {term.key.kid: term for term in terms}
    active = next((term.key.kid for term in terms if term.signs(now)), None)
    found = []
    for row in rows:
        term = of_kid.get(row.kid)
        if term is None:
            state, ends = KeyState.REVOKED, row.revoked_at
        else:
            state = _state(term, is_active=row.kid == active, now=now)
            ends = term.ends if term.ends != NEVER else None
        found.append(ListedKey(row.kid, row.algorithm, state, row.created_at, row.sign_from, ends))
    return found


def _state(term: Term, *, is_active: bool, now: datetime) -> KeyState:
    if term.ends <= now:
        return KeyState.REMOVED
    if term.key.is_foreign:
        return KeyState.FOREIGN
    if term.key.sign_from > now:
        return KeyState.PENDING
    return KeyState.ACTIVE if is_active else KeyState.RETIRED
