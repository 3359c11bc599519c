"""The units of work that change signing keys. All but `prune` run under one lock, so they decide by what they read.

Nothing slow happens in them: a new key pair is made before, because RSA takes up to a second.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from jwtapi.clock import Clock
from jwtapi.security.key_ring import RingKey
from jwtapi.signing.errors import KeyExists, KeyRefused, UnknownKey
from jwtapi.signing.events import SIGNING_KEY_ADDED, SIGNING_KEY_CHANGED, SIGNING_KEY_REVOKED
from jwtapi.signing.planning import Found, Plan, Planner
from jwtapi.signing.private_keys import PrivateKeys
from jwtapi.storage.events import Event, EventType
from jwtapi.storage.signing_keys import SECRET, SigningKey
from jwtapi.storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from jwtapi.security.key_pairs import KeyPair

APPEND = "The keys come from SIGNING_KEY: append the next one to it, and start the servers again"

MakePlan: TypeAlias = Callable[[Found, datetime], Plan]


class NeedsKeyPair(Exception):
    """The unit has to run again, with a new key pair."""


class KeyChanges:
    def __init__(self, planner: Planner, private: PrivateKeys, clock: Clock) -> None:
        self._planner = planner
        self._private = private
        self._clock = clock

    def settle(self, uow: UnitOfWork, pair: "KeyPair | None", *, make_plan: MakePlan) -> None:
        rows, now = uow.signing_keys.all(), self._clock()
        found = self.found(rows, has_sessions=not rows and uow.sessions.exists())
        self._carry_out(uow, make_plan(found, now), now, pair)

    def rotate(self, uow: UnitOfWork, pair: "KeyPair | None", *, at_once: bool) -> str | None:
        now = self._clock()
        usable = self._usable(uow, now)
        if (pending := _pending(usable, now)) is None:
            plan = Plan(new_from=now if at_once else self._planner.next_start(usable, now))
            return self._carry_out(uow, plan, now, pair)
        if not at_once:
            raise KeyRefused(_already_published(pending))
        return self._carry_out(uow, Plan(promoted=pending), now, None)

    def import_(self, uow: UnitOfWork, pair: "KeyPair") -> None:
        now = self._clock()
        usable = self._usable(uow, now)
        row = next((row for row in uow.signing_keys.all() if row.kid == pair.kid), None)
        if row is None:
            if self._private.given:
                raise KeyRefused(APPEND)
            if (pending := _pending(usable, now)) is not None:
                raise KeyRefused(_already_published(pending))
            self._add(uow, pair, self._private.encrypt(pair), self._planner.next_start(usable, now), now)
        elif row.revoked_at is not None:
            raise KeyRefused(f"The key {pair.kid} was revoked")
        elif row.encrypted_private is not None and not self._private.open(row).is_foreign:
            raise KeyExists(f"The key {pair.kid} is stored already")
        else:
            uow.signing_keys.set_encrypted(pair.kid, self._private.encrypt(pair), instead_of=row.encrypted_private)
            _record(uow, SIGNING_KEY_CHANGED, pair.kid, now)

    def revoke(self, uow: UnitOfWork, pair: "KeyPair | None", *, kid: str) -> str | None:
        now = self._clock()
        # What this key has replaced for good must not return.
        terms = self._planner.terms_of(self._private.open_all(uow.signing_keys.all()))
        for key, ends in terms:
            if ends <= now:
                uow.signing_keys.delete(key.kid, key.sign_from)
        secret_signed = next((term.key.pair is None for term in terms if term.signs(now)), False)
        if not uow.signing_keys.revoke(kid, now):
            raise UnknownKey(f"There is no key {kid} that verifies tokens: see `jwtapi keys list`")
        _record(uow, SIGNING_KEY_REVOKED, kid, now)
        found = self.found(uow.signing_keys.all())
        plan = self._planner.after_revocation(found, now, secret_signed=secret_signed)
        if self._private.given and plan == Plan() and not self._planner.usable(found.keys, now):
            raise KeyRefused(f"No other key can sign. {APPEND}. Then revoke this one")
        return self._carry_out(uow, plan, now, pair)

    def prune(self, uow: UnitOfWork) -> int:
        """Delete the key pairs of this process whose tokens have all expired. Return how many.

        A process with other settings may have replaced JWT_SECRET, and the keys of others, only for itself.
        """
        keys, now = self._private.open_all(uow.signing_keys.all()), self._clock()
        ended = [key for key, ends in self._planner.terms_of(keys) if ends <= now and key.pair and key.can_sign]
        return sum(uow.signing_keys.delete(key.kid, key.sign_from) for key in ended)

    def found(self, rows: Sequence[SigningKey], *, has_sessions: bool = False) -> Found:
        return Found(self._private.open_all(rows), frozenset(row.kid for row in rows), has_sessions)

    def _usable(self, uow: UnitOfWork, now: datetime) -> list[RingKey]:
        rows = uow.signing_keys.all()
        if not rows:
            raise KeyRefused("There is no signing key yet: the first start of a server makes it")
        return self._planner.usable(self._private.open_all(rows), now)

    def _carry_out(self, uow: UnitOfWork, plan: Plan, now: datetime, pair: "KeyPair | None") -> str | None:
        """Return the `kid` of the key that will sign, if the plan introduces one."""
        if plan.new_from is not None and pair is None:
            raise NeedsKeyPair
        for key in plan.withdrawn:
            uow.signing_keys.delete(key.kid, key.sign_from)
            _record(uow, SIGNING_KEY_CHANGED, key.kid, now)
        if plan.secret_from is not None:
            uow.signing_keys.sign_with_secret_from(plan.secret_from, now)
            _record(uow, SIGNING_KEY_CHANGED, SECRET, now)
        for given, sign_from in plan.given:
            self._add(uow, given, None, sign_from, now)
        if plan.promoted is not None:
            uow.signing_keys.set_sign_from(plan.promoted.kid, now)
            _record(uow, SIGNING_KEY_CHANGED, plan.promoted.kid, now)
            return plan.promoted.kid
        if plan.new_from is not None and pair is not None:
            self._add(uow, pair, self._private.encrypt(pair), plan.new_from, now)
            return pair.kid
        return None

    def _add(
        self, uow: UnitOfWork, pair: "KeyPair", encrypted: bytes | None, sign_from: datetime, now: datetime
    ) -> None:
        uow.signing_keys.add(SigningKey(pair.kid, pair.algorithm, pair.public_jwk, encrypted, now, sign_from))
        _record(uow, SIGNING_KEY_ADDED, pair.kid, now)


def _record(uow: UnitOfWork, type_: EventType, kid: str, now: datetime) -> None:
    uow.events.add(Event(0, now, type_.name, None, None, None, None, details={"kid": kid}))


def _pending(usable: Sequence[RingKey], now: datetime) -> RingKey | None:
    return usable[0] if usable and usable[0].sign_from > now else None


def _already_published(pending: RingKey) -> str:
    return (
        f"The key {pending.kid} is published already, and signs from {pending.sign_from:%Y-%m-%dT%H:%M:%SZ} on. "
        "Wait until then, or use `jwtapi keys rotate --now`"
    )
