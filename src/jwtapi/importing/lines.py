"""Reads the lines of a file, each of a bounded length, so that no file makes the process large."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from jwtapi.importing.records import FileInvalid

MAX_BYTES = 1024 * 1024
"""Of a line, of a row, or of one user in a JSON document. A longer one is reported, and the next one is read."""

_BOM = b"\xef\xbb\xbf"
_OF_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def skip_byte_order_mark(file: BinaryIO) -> None:
    """Go to the first byte of the text. PowerShell and Excel write a mark before it.

    Raises:
        FileInvalid: the file is UTF-16.
    """
    start = file.read(len(_BOM))
    if start.startswith(_OF_UTF_16):
        raise FileInvalid("The file is UTF-16. Convert it to UTF-8.")
    file.seek(len(_BOM) if start == _BOM else 0)


def read_lines(file: BinaryIO, skipped: Callable[[bytes], object] = len) -> Iterator[bytes | None]:
    """Yield each line with its ending. None stands for a line that is longer than MAX_BYTES.

    The pieces of such a line are given to `skipped`.
    """
    while line := file.readline(MAX_BYTES + 1):
        if len(line) <= MAX_BYTES:
            yield line
            continue
        skipped(line)
        while line and not line.endswith(b"\n"):
            line = file.readline(MAX_BYTES)
            skipped(line)
        yield None
