"""Hashes and checks passwords on threads. Each takes a quarter of a second of processor time."""

import asyncio
import os
import sys
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Literal, TypeVar

import structlog

from jwtapi.errors import Unavailable
from jwtapi.security.password_schemes import BCRYPT_BYTES, cuts_passwords, is_known, name_of, new_context

T = TypeVar("T")

MAX_LENGTH = 1024
"""Code points of a password, as the client sent it. A longer one is neither hashed, checked nor normalised."""

WAITING_PER_THREAD = 16
"""Hashes that may wait for each thread: about four seconds with 12 rounds. More are refused."""

log = structlog.get_logger()


class Overloaded(Unavailable):
    code = "overloaded"
    meaning = "the queue for password hashing is full: try again after `Retry-After` seconds"
    message = "Too many passwords to hash at once. Try again later."

    def __init__(self) -> None:
        super().__init__(retry_after=5)


class PasswordHasher:
    """Runs `bcrypt_sha256` on a pool of threads. bcrypt releases the interpreter lock, so the event loop goes on.

    Imported bcrypt hashes verify too; see password_schemes.py.

    A password is normalised to NFC first, because keyboards encode the same characters in different ways
    (SP 800-63B-4 §3.1.1.2).
    """

    def __init__(
        self,
        *,
        rounds: int,
        threads: int | None = None,
        waiting_per_thread: int = WAITING_PER_THREAD,
        on_pending: Callable[[int], None] = lambda _: None,
        on_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`on_pending` gets the number of hashes that are computed or wait, whenever it changes.

        `on_wait` gets the seconds that a hash waited for a thread. It is called on that thread.
        """
        self._context = new_context(rounds)
        self._threads = threads or os.cpu_count() or 1
        self._most_pending = self._threads * (1 + waiting_per_thread)
        self._pool = ThreadPoolExecutor(self._threads, "hashing", initializer=_lower_priority)
        self._pending = 0
        self._on_pending = on_pending
        self._on_wait = on_wait
        # Hash once at startup. At the first login with an unknown name it would make that login take twice as long.
        self._dummy_hash = self._context.hash("nobody has this password")
        self._logged_kinds: set[str] = set()

    @property
    def pending(self) -> int:
        """Return how many hashes are computed or wait for a thread."""
        return self._pending

    async def hash(self, password: str, *, after: Callable[[], None] | None = None) -> str:
        """Hash a new password. `after`, a check that may raise, runs first on the same thread.

        Raises:
            Overloaded: too many hashes wait.
        """

        def check_and_hash() -> str:
            if after is not None:
                after()
            return str(self._context.hash(normalised(password)))

        return await self._run(check_and_hash)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether the password is right. A hash of None, for an unknown user, takes the same time.

        Raises:
            Overloaded: too many hashes wait.
        """
        return await self._run(lambda: self._verify(password, password_hash))

    def needs_update(self, password_hash: str) -> bool:
        """Return whether the scheme or the cost of the hash differs from those of new hashes."""
        return bool(self._context.needs_update(password_hash.strip()))

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, password_hash: str | None) -> bool:
        stored = (password_hash or "").strip()
        if password_hash is not None and not is_known(stored):
            self._warn_of(stored)
        if not is_known(stored) or len(password) > MAX_LENGTH:
            return self._verify_dummy_hash()
        secret: str | bytes = normalised(password)
        if cuts_passwords(stored):
            # The library that made this hash cut the password, so cut it here too. After this login a hash of the whole
            # password replaces it.
            secret = normalised(password).encode()[:BCRYPT_BYTES]
            if b"\0" in secret:
                return self._verify_dummy_hash()  # bcrypt accepts no zero byte, so no such password was ever set
        try:
            return bool(self._context.verify(secret, stored))
        except ValueError:
            self._warn_of(stored)
            return self._verify_dummy_hash()

    def _verify_dummy_hash(self) -> Literal[False]:
        """Compute a hash anyway. Otherwise the time of the answer would show whether there is a usable hash."""
        self._context.verify("", self._dummy_hash)
        return False

    def _warn_of(self, stored: str) -> None:
        """Log each kind of hash that nobody can sign in with once."""
        if (name := name_of(stored)) not in self._logged_kinds:
            self._logged_kinds.add(name)
            log.warning("a user cannot sign in, because the stored password hash cannot be checked", scheme=name)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._pending >= self._most_pending:
            raise Overloaded
        self._count(1)
        queued_at = time.monotonic()

        def begin() -> T:
            self._on_wait(time.monotonic() - queued_at)
            return work()

        future = self._pool.submit(begin)
        # Count the hash until it is computed, even if its caller is cancelled before.
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: loop.is_closed() or loop.call_soon_threadsafe(self._count, -1))
        return await asyncio.wrap_future(future)

    def _count(self, change: int) -> None:
        self._pending += change
        self._on_pending(self._pending)


def normalised(password: str) -> str:
    """Normalise to NFC. The time grows with the square of the length (CVE-2026-3276): 1 or 2 ms for 1024.

    Raises:
        ValueError: the password is longer than MAX_LENGTH.
    """
    if len(password) > MAX_LENGTH:
        raise ValueError(f"more than {MAX_LENGTH} code points")
    return unicodedata.normalize("NFC", password)


def _lower_priority() -> None:
    """Let other threads interrupt this one, above all the event loop's, without taking a smaller share of the cores.

    Only Linux has such a policy for single threads. Elsewhere this does nothing.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it; hashing works without it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
