"""Opens a file of users, recognises its form, and yields the users one after the other."""

import os
import stat
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from jwtapi import strict_json
from jwtapi.importing.documents import elements
from jwtapi.importing.lines import read_lines, skip_byte_order_mark
from jwtapi.importing.records import FileInvalid, Unreadable
from jwtapi.importing.tables import read_table

Row = tuple[int, Mapping[str, Any] | Unreadable]
"""A number and the members of an object, or the cells of a row of CSV. It is the number of the line, counted from 1,
or the number of the user where the whole file is one JSON document."""

_TOO_LONG = "longer than 1 MiB"
_READ_TWICE = "This must be a file, not a pipe, because it is read twice."


def read_rows(path: Path, *, member: str | None = None, only_lines: bool = False) -> Iterator[Row]:
    """Yield what the file has of each user.

    An array is the whole document. An object is a user of JSON Lines, or, where there is a `member`, the document that
    has the array as this member. Everything else is CSV, or an error where there is a `member`. With `only_lines`, each
    line must be JSON.

    Raises:
        FileInvalid: the file cannot be read as any of these.
        OSError
    """
    if stat.S_ISFIFO(path.stat().st_mode):  # opening it would wait for somebody who writes
        raise FileInvalid(_READ_TWICE)
    with path.open("rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise FileInvalid(_READ_TWICE)
        skip_byte_order_mark(file)
        sign = b"{" if only_lines else _first_sign(file)
        if sign == b"[" or (sign == b"{" and member is not None):
            yield from _objects(zip(count(1), elements(file, member if sign == b"{" else None), strict=False))
        elif sign == b"{":
            yield from _objects(zip(count(1), read_lines(file), strict=False))
        elif sign and member is not None:
            raise FileInvalid("This is no JSON document.")
        elif sign:
            yield from read_table(file)


def _first_sign(file: BinaryIO) -> bytes:
    start = file.tell()
    sign = file.read(4096).lstrip()[:1]
    file.seek(start)
    return sign


def _objects(texts: Iterator[tuple[int, bytes | None]]) -> Iterator[Row]:
    for number, text in texts:
        if text is None:
            yield number, Unreadable(_TOO_LONG)
        elif not text.isspace():
            yield number, _object(text)


def _object(text: bytes) -> Mapping[str, Any] | Unreadable:
    try:
        found = strict_json.loads(text)
    except ValueError as error:
        return Unreadable(f"not strict JSON: {error}")
    return found if isinstance(found, dict) else Unreadable("not a JSON object")
