"""Turns the hashes of a batch into the forms that are stored, on as many threads as there are cores.

Most hashes only have to be read, which takes microseconds. A fast hash, such as an MD5, is put below a bcrypt hash,
which takes as long as a login: a hundred thousand of them take hours on two cores.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from jwtapi.importing.records import PasswordHash
from jwtapi.security.foreign_hashes.errors import RefusedHash
from jwtapi.security.foreign_hashes.importing import ImportOptions, import_hash
from jwtapi.security.foreign_hashes.wrapping import PREFIX as WRAPPED

T = TypeVar("T")

_LEAST_COST = 4
"""The cost of the bcrypt hash that only shows that a hash has to be wrapped. It is never stored."""


def has_to_be_wrapped(stored: str | None) -> bool:
    return stored is not None and stored.startswith(WRAPPED)


class Hashes:
    def __init__(self, *, rounds: int) -> None:
        """`rounds` is the cost of the bcrypt hash around a fast one."""
        self._rounds = rounds
        self._threads = os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads, "hashing")
        self._is_closed = False

    async def read(self, hashes: Sequence[PasswordHash]) -> list[str | RefusedHash]:
        """Return the stored form of each hash, or why it is refused. Store none that `has_to_be_wrapped`."""
        return await self._on_threads(_read, hashes)

    async def wrap(self, hashes: Sequence[PasswordHash]) -> list[str]:
        """Return what is stored of hashes that have to be wrapped, and that `read` has not refused."""
        return await self._on_threads(lambda each: _imported(each, self._rounds), hashes)

    def close(self) -> None:
        """Let the threads end after the hashes that they compute now."""
        self._is_closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _on_threads(self, work: Callable[[PasswordHash], T], hashes: Sequence[PasswordHash]) -> list[T]:
        loop = asyncio.get_running_loop()
        parts = [hashes[number :: self._threads] for number in range(self._threads)]

        def work_on(part: Sequence[PasswordHash]) -> list[T]:
            return [work(each) for each in part if not self._is_closed]

        done = await asyncio.gather(*(loop.run_in_executor(self._pool, work_on, part) for part in parts))
        return [done[number % self._threads][number // self._threads] for number in range(len(hashes))]


def _read(each: PasswordHash) -> str | RefusedHash:
    try:
        return _imported(each, _LEAST_COST)
    except RefusedHash as error:
        return error


def _imported(each: PasswordHash, cost: int) -> str:
    return import_hash(each.text, each.scheme, ImportOptions(**each.options, wrap_cost=cost))
