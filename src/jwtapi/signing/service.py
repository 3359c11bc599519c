"""Makes, replaces and revokes signing keys, and loads them into the key ring of this process.

Each process loads the rows at its start, after each event of a signing key, and after a gap of the change feed. The
units in `changes.py` change them.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog

from jwtapi.clock import Clock
from jwtapi.errors import StorageUnavailable
from jwtapi.security.key_ring import KeyRing, RingKey
from jwtapi.settings import Settings, SigningAlgorithm
from jwtapi.signing.changes import APPEND, KeyChanges, MakePlan, NeedsKeyPair
from jwtapi.signing.errors import KeyRefused
from jwtapi.signing.events import OF_SIGNING_KEYS, SIGNING_KEY_REVOKED
from jwtapi.signing.listing import ListedKey, listed
from jwtapi.signing.planning import Plan, Planner
from jwtapi.signing.private_keys import PrivateKeys, wrong_kind
from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event
from jwtapi.storage.faults import has_answered, reason_of
from jwtapi.storage.signing_keys import SECRET, SigningKey
from jwtapi.storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from jwtapi.security.key_pairs import KeyPair

INTERVAL_SECONDS = 60
"""How often a process looks whether the newest key is old."""

RETRY_SECONDS = 0.5
"""The same, while the database or the change feed does not work."""

_HS256 = (
    "SIGNING_ALGORITHM is HS256, which signs with JWT_SECRET: to replace that, change it, and set JWT_SECRET_PREVIOUS"
)
_ALWAYS = datetime.min.replace(tzinfo=UTC)

T = TypeVar("T")

log = structlog.get_logger()


class SigningKeys:
    def __init__(self, settings: Settings, database: Database, feed: ChangeFeed, ring: KeyRing, clock: Clock) -> None:
        """Raises: SettingsError: SIGNING_KEY is unusable."""
        self._algorithm = settings.signing_algorithm
        self._private = PrivateKeys(settings)
        self._planner = Planner(
            ring,
            settings.signing_algorithm,
            self._private.given,
            prepublish=timedelta(seconds=settings.signing_key_prepublish),
            max_age=timedelta(seconds=settings.signing_key_max_age),
        )
        self._units = KeyChanges(self._planner, self._private, clock)
        self._database = database
        self._feed = feed
        self._ring = ring
        self._clock = clock
        self._wake = asyncio.Event()
        self._changes = 0
        """How many times the rows may have changed, as far as this process knows."""
        self._loaded_at: int | None = None
        """The value of `_changes` that the ring is of."""
        self._begun = self._finished = 0
        """The numbers of the last read of the rows that has begun, and of that whose result the ring has."""
        self._next_load: asyncio.Task[None] | None = None
        """The read for requests that has not begun yet."""
        self._one_load = asyncio.Lock()
        self._has_started = False
        self._reported: set[str] = set()
        self._fault: str | None = None
        feed.subscribe(OF_SIGNING_KEYS.__contains__, on_events=self._hear, on_gap=self._suspect)
        database.subscribe(self._hear)

    async def start(self) -> None:
        """Load the keys, and make the first one. If the database does not answer, `run` does it later."""
        await self._try()

    async def run(self) -> None:
        """Follow the changes, and replace old keys, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()
            self._wake.clear()
            await self._try()

    async def refresh_unless_current(self) -> None:
        """Read the keys again if the change feed may not have delivered a change, as sessions are read then.

        Raises:
            StorageUnavailable
        """
        if self._uses_pairs and not (self._feed.is_live() and self._loaded_at == self._changes):
            await self._load_for_all()

    async def tick(self) -> None:
        """Load the keys, and change what the settings or the time demand.

        Raises:
            StorageUnavailable
        """
        rows = await self._load()
        make_plan = self._planner.later if self._has_started else self._planner.at_start
        if self._demands(rows, make_plan):
            await self._change(partial(self._units.settle, make_plan=make_plan))
            rows = await self._load()
        if not self._has_started:
            await self._encrypt_anew(rows)
            self._report_unused(rows)
        self._has_started = True

    async def all(self) -> list[ListedKey]:
        """Return every key, the newest first.

        Raises:
            StorageUnavailable
        """
        rows = await self._load()
        return listed(rows, self._planner.terms_of(self._private.open_all(rows)), self._clock())

    async def rotate(self, *, now: bool = False) -> str | None:
        """Make the next key, and return its `kid`. It signs after SIGNING_KEY_PREPUBLISH, or `now`.

        Raises:
            KeyRefused
            StorageUnavailable
        """
        if self._algorithm is SigningAlgorithm.HS256:
            raise KeyRefused(_HS256)
        if self._private.given:
            raise KeyRefused(APPEND)
        return await self._change(partial(self._units.rotate, at_once=now))

    async def import_(self, pem: str) -> str:
        """Store a private key as the next one, or with its row if there is one. Return its `kid`.

        Raises:
            KeyRefused
            StorageUnavailable
        """
        from jwtapi.security.key_pairs import UnusableKey, key_pairs_of_pem  # noqa: PLC0415  10 MB

        if self._algorithm is SigningAlgorithm.HS256:
            raise KeyRefused(_HS256)
        try:
            pair, *others = key_pairs_of_pem(pem)
        except UnusableKey as error:
            raise KeyRefused(f"The file cannot be used: {error}") from None
        if others:
            raise KeyRefused("The file has several private keys: import them one after the other")
        if pair.algorithm != self._algorithm:
            raise KeyRefused(f"The file {wrong_kind(pair, self._algorithm)}")
        await self._change(lambda uow, _: self._units.import_(uow, pair))
        return pair.kid

    async def revoke(self, kid: str) -> str | None:
        """Let a key neither sign nor verify any more. If no other can sign, let one, and return its `kid`.

        Raises:
            KeyRefused
            StorageUnavailable
        """
        if kid == SECRET and self._algorithm is SigningAlgorithm.HS256:
            raise KeyRefused(_HS256)
        return await self._change(partial(self._units.revoke, kid=kid))

    def prune(self, uow: UnitOfWork, _: int) -> int:
        """Delete the keys whose tokens have all expired. There are never many, so no limit is needed."""
        return self._units.prune(uow)

    @property
    def changes(self) -> int:
        """Grows whenever the keys may have changed. What was verified before may have been with a key that is gone."""
        return self._changes

    def next_end(self) -> datetime:
        """Return when the next key ends. What was verified before may have been with this key."""
        return self._ring.next_end()

    @property
    def _uses_pairs(self) -> bool:
        return self._algorithm is not SigningAlgorithm.HS256 or self._ring.has_pairs

    # ---- what other processes do

    def _hear(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type == SIGNING_KEY_REVOKED.name:
                # Immediately: what arrives from now on is not verified with it, even if the rows cannot be read.
                self._ring.revoke(str((event.details or {}).get("kid")))
        if any(event.type.startswith("signing_key.") for event in events):
            self._suspect()

    def _suspect(self) -> None:
        self._changes += 1
        self._wake.set()

    # ---- the background

    def _pause(self) -> float | None:
        """Return the seconds until the next look. None: until something changes."""
        if self._loaded_at != self._changes or not self._has_started:
            return RETRY_SECONDS
        if not self._uses_pairs:
            return None
        if not self._feed.is_live():
            return RETRY_SECONDS  # otherwise this process could go on signing with a key that was revoked
        # Each process looks at another moment.
        return random.uniform(0.5, 1.5) * INTERVAL_SECONDS  # noqa: S311  no secret

    async def _try(self) -> None:
        try:
            await self.tick()
        except StorageUnavailable as error:
            self._log_fault(error)
        except Exception:
            log.exception("looking after the signing keys failed")
        else:
            self._fault = None

    def _log_fault(self, error: StorageUnavailable) -> None:
        """Log each cause once. Requests log it themselves if the database does not answer."""
        if has_answered(error) and (cause := reason_of(error)) != self._fault:
            self._fault = cause
            log.error("the database refuses the signing keys", cause=cause)

    async def _load_for_all(self) -> None:
        """Load the keys in one go for all who ask before the read begins. One read runs at a time.

        Otherwise tokens that anybody invents could cause any number of reads while the feed is silent.
        """
        if self._next_load is None:
            self._next_load = asyncio.create_task(self._begin_load(), name="load signing keys")
        await asyncio.shield(self._next_load)  # the others still wait if the first one is cancelled

    async def _begin_load(self) -> None:
        async with self._one_load:
            self._next_load = None
            await self._load()

    async def _load(self) -> list[SigningKey]:
        """Read the rows, and put their keys into the ring."""
        while True:
            self._begun += 1
            number, changes = self._begun, self._changes
            rows = await self._database.read(lambda uow: uow.signing_keys.all())
            if self._private.knows(rows):
                keys = self._private.open_all(rows)
            else:
                keys = await asyncio.to_thread(self._private.open_all, rows)
            if changes == self._changes:  # otherwise the rows may be older than an event that has arrived meanwhile
                break
        if number > self._finished:  # otherwise the ring has what a later read found
            self._finished, self._loaded_at = number, changes
            is_secret_alone = not rows and self._algorithm is SigningAlgorithm.HS256
            self._ring.replace([RingKey(None, _ALWAYS)] if is_secret_alone else keys)
            self._private.forget_all_but(rows)
            self._report([key.kid for key in keys if key.is_foreign])
        return rows

    def _report(self, foreign: Sequence[str]) -> None:
        if not self._reported.issuperset(foreign):
            log.warning(
                "REFRESH_SECRET does not decrypt all signing keys, so this process cannot sign with them: set "
                "REFRESH_SECRET_PREVIOUS to the secret before, or give all processes the same secret. If nothing uses "
                "these keys any more, revoke them with `jwtapi keys revoke`",
                kids=sorted(foreign),
            )
        self._reported = set(foreign)

    def _report_unused(self, rows: Sequence[SigningKey]) -> None:
        terms, now = self._planner.terms_of(self._private.open_all(rows)), self._clock()
        living = {key.kid for key, ends in terms if now < ends}
        if unused := [pair.kid for pair in self._private.given if pair.kid not in living]:
            log.warning(
                "SIGNING_KEY has keys that sign nothing, because they were revoked or because a later one was used "
                "before: remove them, and append new keys at the end",
                kids=unused,
            )

    async def _encrypt_anew(self, rows: Sequence[SigningKey]) -> None:
        """Encrypt under REFRESH_SECRET what the previous one encrypts.

        Only at a start: two processes of which each has the other's secret as the previous one would never end.
        """
        outdated = [row for row in rows if row.revoked_at is None and self._private.is_outdated(row)]
        if not outdated:
            return

        def encrypt(uow: UnitOfWork) -> None:
            for row in outdated:
                pair = self._private.open(row).pair
                assert pair is not None  # noqa: S101  the row of JWT_SECRET is not encrypted
                uow.signing_keys.set_encrypted(row.kid, self._private.encrypt(pair), instead_of=row.encrypted_private)

        await self._database.write(encrypt)
        log.info("signing keys are encrypted under the new REFRESH_SECRET", kids=[row.kid for row in outdated])

    # ---- changes

    def _demands(self, rows: Sequence[SigningKey], make_plan: MakePlan) -> bool:
        """Return whether there is something to change. Most looks end here, without a lock."""
        if not rows:
            return self._algorithm is not SigningAlgorithm.HS256
        return make_plan(self._units.found(rows), self._clock()) != Plan()

    async def _change(self, unit: Callable[[UnitOfWork, "KeyPair | None"], T]) -> T:
        """Run a unit under the lock of signing keys, and load the result. The unit gets a key pair if it needs one."""
        pair: KeyPair | None = None

        def locked(uow: UnitOfWork) -> T:
            uow.lock("signing keys")
            return unit(uow, pair)

        while True:
            try:
                result = await self._database.write(locked)
            except NeedsKeyPair:
                pair = await asyncio.to_thread(_new_key_pair, self._algorithm)
            else:
                await self._load()
                return result


def _new_key_pair(algorithm: SigningAlgorithm) -> "KeyPair":
    from jwtapi.security.key_pairs import new_key_pair  # noqa: PLC0415  10 MB that HS256 does not need

    return new_key_pair(algorithm)
