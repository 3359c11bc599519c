"""Lets the processes of one machine write to an SQLite database in turns.

SQLite's own lock is polled: whoever asks at the right moment gets it, and a process that writes without pause can keep
all others out for seconds. This lock is waited for in the operating system, which wakes the next process. It only makes
the turns fair. SQLite's lock still protects the file, also from other programs.
"""

import os
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has other locks
    fcntl = None  # type: ignore[assignment]


class WriterLock:
    """Is held while its `with` block runs. Waits without a limit, but a process that ends lets it go.

    It locks the folder, so that there is no further file. Locking the database file would be wrong: when a process
    closes any handle of a file, it loses all locks that SQLite has on it.
    """

    def __init__(self, path: Path) -> None:
        """`path` is the database file."""
        self._folder: int | None = None
        with suppress(OSError):  # without this lock the turns are less fair
            self._folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> None:
        if self._folder is not None and fcntl is not None:
            with suppress(OSError):  # a network file system has no such locks
                fcntl.flock(self._folder, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        if self._folder is not None and fcntl is not None:
            with suppress(OSError):
                fcntl.flock(self._folder, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None
