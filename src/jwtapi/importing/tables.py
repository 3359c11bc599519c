"""Reads the rows of CSV (RFC 4180), each of a bounded length."""

import csv
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from jwtapi.importing.lines import MAX_BYTES, read_lines
from jwtapi.importing.records import FileInvalid, Unreadable


class _RowTooLong(Exception):
    pass


class _Lines:
    """The lines for the parser. After it has raised an exception, it goes on with the next line."""

    def __init__(self, file: BinaryIO) -> None:
        self._lines = read_lines(file, self._count)
        self.number = 0
        self._left = MAX_BYTES
        self._is_in_quotes = False

    def begin_row(self) -> None:
        self._left = MAX_BYTES
        self._is_in_quotes = False

    def skip_row(self, first: int) -> None:
        """Go to the end of a row that is too long, and begins in line `first`.

        What looks like a row inside its cells was entered by a stranger.

        Raises:
            FileInvalid: it has no end.
        """
        while self._is_in_quotes:
            try:
                line = next(self._lines)
            except StopIteration:
                raise FileInvalid(f"The row at line {first} begins a quote that never ends.") from None
            self.number += 1
            self._count(line or b"")

    def _count(self, text: bytes) -> None:
        """Each quote begins or ends a part between quotes. Two of them inside one change nothing."""
        self._is_in_quotes ^= text.count(b'"') % 2 == 1

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        if line is not None:
            self._count(line)
        if line is None or len(line) > self._left:
            raise _RowTooLong
        self._left -= len(line)
        return line.decode("utf-8", errors="surrogateescape")


def read_table(file: BinaryIO) -> Iterator[tuple[int, Mapping[str, str] | Unreadable]]:
    """Yield the number of the line at which each row begins, and its cells by the names of the columns.

    Raises:
        FileInvalid: the first line names no columns, or one of them twice, or a row has no end.
    """
    csv.field_size_limit(MAX_BYTES)  # a cell is never longer, because its row is not
    lines = _Lines(file)
    parser = csv.reader(lines, strict=True)
    columns: list[str] | None = None
    while True:
        lines.begin_row()
        number = lines.number + 1
        try:
            cells = next(parser)
        except StopIteration:
            break
        except (csv.Error, _RowTooLong) as error:
            if columns is None:
                raise FileInvalid("The first line does not name the columns of a CSV file.") from None
            if isinstance(error, csv.Error):
                yield number, Unreadable("the row is not CSV")
                continue
            lines.skip_row(number)
            yield number, Unreadable(f"the row, which ends in line {lines.number}, is longer than 1 MiB")
            continue
        if columns is None:
            columns = _columns(cells)
        elif cells:
            yield number, _row(columns, cells)
    if columns is None:
        raise FileInvalid("The file is empty.")


def _columns(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if not all(names) or len(set(names)) != len(names):
        raise FileInvalid("The first line must name each column, and none of them twice.")
    return names


def _row(columns: list[str], cells: list[str]) -> Mapping[str, str] | Unreadable:
    if len(cells) != len(columns):
        return Unreadable(f"the row has {len(cells)} cells, and the first line names {len(columns)} columns")
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return Unreadable("the row is not UTF-8")
    return dict(zip(columns, cells, strict=True))
