"""Lets the processes of one machine write to an SQLite database in turns.

SQLite's own lock is polled: the process that asks at the right moment gets it, and one that writes without pause can
keep all others out for seconds. This lock is waited for in the operating system, which wakes the next process. It only
makes the turns fair. SQLite's lock still protects the file, also from other programs.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class WriterLock:
    """Is held while its `with` block runs. Waits without a limit, but a process that ends lets it go.

    It locks a file of its own, which only the owner of the database can open. Otherwise another user of the machine
    could hold it. Locking the database file would be wrong: when a process closes any handle of a file, it loses all
    locks that SQLite has on it.
    """

    def __init__(self, path: Path) -> None:
        """`path` is the database file."""
        self._file: int | None = None
        with suppress(OSError):  # without this lock the turns are less fair
            self._file = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # a network file system has no such locks
                fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
