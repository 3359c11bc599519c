"""Hashes and checks passwords on threads. Each takes a quarter of a second of processor time."""

import asyncio
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Literal, TypeVar

import structlog

from jwtapi.errors import Unavailable
from jwtapi.security.foreign_hashes.errors import RefusedHash
from jwtapi.security.foreign_hashes.reading import read_stored
from jwtapi.security.password_schemes import is_own, kind_of, new_context

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

    A password is normalised to NFC first, because keyboards encode the same characters in different ways
    (SP 800-63B-4 §3.1.1.2).

    Hashes of other systems verify too, with the algorithm and the cost of that system. Each runs on one of these
    threads, so at most as many as there are threads need their memory at the same time, each up to 100 MiB.
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

    @property
    def most_pending(self) -> int:
        """Return how many can be pending. More are refused."""
        return self._most_pending

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
        stored = password_hash.strip()
        return not is_own(stored) or bool(self._context.needs_update(stored))

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, password_hash: str | None) -> bool:
        if password_hash is None:
            return self._verify_dummy_hash()
        stored = password_hash.strip()
        try:
            is_right = self._check_against(stored)
            if len(password) <= MAX_LENGTH:
                return is_right(password)
        except (ValueError, RefusedHash):
            self._warn_of(stored)
        return self._verify_dummy_hash()

    def _check_against(self, stored: str) -> Callable[[str], bool]:
        if is_own(stored):
            return lambda password: bool(self._context.verify(normalised(password), stored))
        foreign = read_stored(stored)
        return lambda password: any(foreign.matches(secret) for secret in _spellings(password))

    def _verify_dummy_hash(self) -> Literal[False]:
        """Compute a hash anyway. Otherwise the time of the answer would show whether there is a usable hash."""
        self._context.verify("", self._dummy_hash)
        return False

    def _warn_of(self, stored: str) -> None:
        """Log each kind of hash that nobody can sign in with once."""
        if (name := kind_of(stored)) not in self._logged_kinds:
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


def _spellings(password: str) -> Iterator[bytes]:
    """Yield the ways in which another system may have encoded the password: at most three, and one for ASCII.

    It may have hashed what the keyboard sent, or normalised it to NFKC.
    """
    forms = (normalised(password), password, unicodedata.normalize("NFKC", password))
    return (form.encode() for form in dict.fromkeys(forms))


def _lower_priority() -> None:
    """Let other threads interrupt this one, above all the event loop's, without taking a smaller share of the cores.

    Only Linux has such a policy for single threads. Elsewhere this does nothing.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it; hashing works without it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
