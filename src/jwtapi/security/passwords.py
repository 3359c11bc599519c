"""Hashes and checks passwords, a quarter of a second of processor time each, without stopping anybody else."""

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
"""Code points of a password, as it was sent. Of more, none is hashed, checked or even normalised."""

WAITING_PER_THREAD = 16
"""Hashes that may wait for each thread: about four seconds at 12 rounds. Who comes later is told to come back."""

log = structlog.get_logger()


class Overloaded(Unavailable):
    code = "overloaded"
    meaning = "the queue for password hashing is full: try again after `Retry-After` seconds"
    message = "Too many passwords to hash at once. Try again later."

    def __init__(self) -> None:
        super().__init__(retry_after=5)


class PasswordHasher:
    """`bcrypt_sha256` on a pool of threads. bcrypt releases the interpreter lock, so the event loop runs on.

    Hashes of bcrypt that were made elsewhere verify too; see password_schemes.py.

    A password is normalised to NFC first, so that the same characters
    are the same password whatever keyboard they came from (SP 800-63B-4 §3.1.1.2).
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
        """`on_pending` is told how many hashes are being computed or wait, whenever that changes; `on_wait`, on the
        thread that computes a hash, for how many seconds it waited for that thread.
        """
        self._context = new_context(rounds)
        self._threads = threads or os.cpu_count() or 1
        self._most_pending = self._threads * (1 + waiting_per_thread)
        self._pool = ThreadPoolExecutor(self._threads, "hashing", initializer=_give_way)
        self._pending = 0
        self._on_pending = on_pending
        self._on_wait = on_wait
        # Made now: made at the first unknown name, that login would take twice as long as any other.
        self._nobody = self._context.hash("nobody has this password")
        self._named: set[str] = set()

    @property
    def pending(self) -> int:
        """Hashes being computed or waiting for a thread."""
        return self._pending

    async def hash(self, password: str, *, after: Callable[[], None] | None = None) -> str:
        """Hash a new password. `after`, a check that may raise, runs first on the same thread.

        Raises:
            Overloaded: too many are waiting.
        """

        def check_and_hash() -> str:
            if after is not None:
                after()
            return str(self._context.hash(normalised(password)))

        return await self._run(check_and_hash)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Check a password. None, for an unknown user, costs the same and is False.

        Raises:
            Overloaded: too many are waiting.
        """
        return await self._run(lambda: self._verify(password, password_hash))

    def needs_update(self, password_hash: str) -> bool:
        """Tell whether the hash is of another scheme or cost than new ones."""
        return bool(self._context.needs_update(password_hash.strip()))

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, password_hash: str | None) -> bool:
        stored = (password_hash or "").strip()
        if password_hash is not None and not is_known(stored):
            self._warn_of(stored)
        if not is_known(stored) or len(password) > MAX_LENGTH:
            return self._matches_nobody()
        secret: str | bytes = normalised(password)
        if cuts_passwords(stored):
            # What it is a hash of, its library cut; it is replaced as soon as the whole password is known.
            secret = normalised(password).encode()[:BCRYPT_BYTES]
            if b"\0" in secret:
                return self._matches_nobody()  # bcrypt cannot hold one: no such password was ever set
        try:
            return bool(self._context.verify(secret, stored))
        except ValueError:
            self._warn_of(stored)
            return self._matches_nobody()

    def _matches_nobody(self) -> Literal[False]:
        """Let the time of one hash pass all the same, or the time would tell what is stored."""
        self._context.verify("", self._nobody)
        return False

    def _warn_of(self, stored: str) -> None:
        """Say once what nobody can sign in with."""
        if (name := name_of(stored)) not in self._named:
            self._named.add(name)
            log.warning("a user cannot sign in, for the stored password hash cannot be checked", scheme=name)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._pending >= self._most_pending:
            raise Overloaded
        self._count(1)
        came_at = time.monotonic()

        def begin() -> T:
            self._on_wait(time.monotonic() - came_at)
            return work()

        future = self._pool.submit(begin)
        # Counted until the work is done, not until its caller has gone away.
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: loop.is_closed() or loop.call_soon_threadsafe(self._count, -1))
        return await asyncio.wrap_future(future)

    def _count(self, change: int) -> None:
        self._pending += change
        self._on_pending(self._pending)


def normalised(password: str) -> str:
    """NFC, which takes time that grows with the square of the length (CVE-2026-3276): a millisecond or two for 1024.

    Raises:
        ValueError: it is longer than MAX_LENGTH.
    """
    if len(password) > MAX_LENGTH:
        raise ValueError(f"more than {MAX_LENGTH} code points")
    return unicodedata.normalize("NFC", password)


def _give_way() -> None:
    """Interrupt nobody, the event loop's thread above all, but take the same share of the cores as any other program.

    Linux has a policy for each thread; elsewhere nothing is done.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it, and hashes can be had without
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
