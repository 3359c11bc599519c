"""Socket files (unix domain sockets), for UDS and METRICS_LISTEN."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MAX_PATH_BYTES = 107
"""The kernel's limit."""

_UMASK = 0o117
"""The owner and the group of a socket file can connect."""


@contextmanager
def listening_file(path: Path) -> Iterator[socket.socket]:
    """Listen at `path`, and remove the file in the end. Replace a file that a killed server left behind.

    Raises:
        OSError: another process listens there, or the file cannot be created.
    """
    _remove_if_nobody_listens(path)
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.umask(_UMASK)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        try:
            listener.listen()
            yield listener
        finally:
            with suppress(OSError):
                path.unlink()


def _remove_if_nobody_listens(path: Path) -> None:
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
