"""Decides what has to change so that the right key signs. The same rows and the same time give the same plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from jwtapi.security.key_ring import KeyRing, RingKey, Term
from jwtapi.settings import SigningAlgorithm
from jwtapi.storage.change_feed import SILENCE_SECONDS

if TYPE_CHECKING:
    from jwtapi.security.key_pairs import KeyPair

_SPREAD = timedelta(seconds=SILENCE_SECONDS)
"""For JWT_SECRET, which is not published: until then all processes know, because a feed that is silent for so long is
not relied on."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the database has."""

    keys: Sequence[RingKey]
    """Those that are not revoked."""
    kids: frozenset[str]
    """Those of all rows."""
    has_sessions: bool
    """Read only if there are no rows."""


@dataclass(frozen=True, slots=True)
class Plan:
    withdrawn: Sequence[RingKey] = ()
    """Pending keys that are not to sign, because SIGNING_ALGORITHM has changed."""
    secret_from: datetime | None = None
    """From when on JWT_SECRET signs."""
    promoted: RingKey | None = None
    """A pending key that signs now, because nothing else can."""
    given: Sequence[tuple["KeyPair", datetime]] = ()
    """Keys of SIGNING_KEY that are new, and from when on they sign."""
    new_from: datetime | None = None
    """From when on a key signs that has to be made."""


class Planner:
    def __init__(
        self,
        ring: KeyRing,
        algorithm: SigningAlgorithm,
        given: Sequence["KeyPair"],
        *,
        prepublish: timedelta,
        max_age: timedelta,
    ) -> None:
        """`given` are the keys of SIGNING_KEY."""
        self._ring = ring
        self._algorithm = algorithm
        self._given = given
        self._prepublish = prepublish
        self._max_age = max_age

    def at_start(self, found: Found, now: datetime) -> Plan:
        """Plan what the settings demand. Only a start changes the algorithm.

        Otherwise processes with different settings would change it back and forth.
        """
        if not found.kids and self._algorithm is SigningAlgorithm.HS256:
            return Plan()
        withdrawn = tuple(
            key
            for key in found.keys
            if key.pair is not None and key.sign_from > now and key.can_sign and key.algorithm != self._algorithm
        )
        usable = self.usable([key for key in found.keys if key not in withdrawn], now)
        secret_from = None
        if not found.kids and found.has_sessions:
            # Until now it signed without a row. It goes on, so that nobody signs with a key that nobody knows.
            usable, secret_from = [RingKey(None, now)], now
        if self._algorithm is SigningAlgorithm.HS256:
            if (not usable or usable[0].pair is not None) and not self._has_foreign(found, now):
                secret_from = now + _SPREAD if _signs(usable, now) else now
            return Plan(withdrawn, secret_from)
        given = self._new_given(found, usable, now)
        if given or self._given:
            return Plan(withdrawn, secret_from, None if given else _promotion(usable, now), given)
        if not usable or usable[0].algorithm != self._algorithm:
            return Plan(withdrawn, secret_from, new_from=self.next_start(usable, now))
        return Plan(withdrawn, secret_from, _promotion(usable, now), new_from=self._replacement(usable, now))

    def later(self, found: Found, now: datetime) -> Plan:
        """Plan what time demands: the successor of a key that gets old, and a key if none can sign."""
        if self._algorithm is SigningAlgorithm.HS256:
            return Plan()
        usable = self.usable(found.keys, now)
        if not usable:
            return Plan() if self._given else Plan(new_from=now)
        return Plan(promoted=_promotion(usable, now), new_from=self._replacement(usable, now))

    def after_revocation(self, found: Found, now: datetime, *, secret_signed: bool) -> Plan:
        """Plan what signs now that a key was revoked. JWT_SECRET does not return, unless it `secret_signed` before."""
        if not secret_signed and self._algorithm is not SigningAlgorithm.HS256:
            keys = [key for key in found.keys if key.pair is not None]
            found = Found(keys, found.kids, found.has_sessions)
        return self.at_start(found, now)

    def next_start(self, usable: Sequence[RingKey], now: datetime) -> datetime:
        """Return from when on a new key signs: immediately only if nothing else signs meanwhile."""
        return max(now, usable[0].sign_from) + self._prepublish if _signs(usable, now) else now

    def usable(self, keys: Sequence[RingKey], now: datetime) -> list[RingKey]:
        """Return those with which this process signs now, or will, the newest first."""
        return [key for key, ends in self.terms_of(keys) if key.can_sign and now < ends]

    def terms_of(self, keys: Sequence[RingKey]) -> list[Term]:
        return self._ring.terms_of(keys)

    def _has_foreign(self, found: Found, now: datetime) -> bool:
        """Return whether others may sign with key pairs. JWT_SECRET would replace these for everybody.

        The whole configuration of this process may be that of another installation.
        """
        return any(key.is_foreign and now < ends for key, ends in self.terms_of(found.keys))

    def _replacement(self, usable: Sequence[RingKey], now: datetime) -> datetime | None:
        newest = usable[0]
        is_ours = newest.algorithm == self._algorithm and not self._given
        if is_ours and now - newest.sign_from > self._max_age - self._prepublish:
            return now + self._prepublish
        return None

    def _new_given(
        self, found: Found, usable: Sequence[RingKey], now: datetime
    ) -> tuple[tuple["KeyPair", datetime], ...]:
        """Return the keys of SIGNING_KEY after the last one that is known. Those before it have had their time."""
        known = [number for number, pair in enumerate(self._given) if pair.kid in found.kids]
        new = []
        for pair in self._given[known[-1] + 1 if known else 0 :]:
            sign_from = self.next_start(usable, now)
            new.append((pair, sign_from))
            usable = [RingKey(pair, sign_from), *usable]
        return tuple(new)


def _signs(usable: Sequence[RingKey], now: datetime) -> bool:
    return any(key.sign_from <= now for key in usable)


def _promotion(usable: Sequence[RingKey], now: datetime) -> RingKey | None:
    """Return the pending key that is next, if nothing signs until its time comes."""
    return None if _signs(usable, now) or not usable else usable[-1]
