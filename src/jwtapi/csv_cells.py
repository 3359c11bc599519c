"""Writes CSV (RFC 4180) that is safe to open in a spreadsheet."""

import csv
from collections.abc import Iterable
from io import StringIO

_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  wide ones count too
"""Spreadsheets run what begins with one of these, and what a stranger calls itself may begin with one."""


def csv_lines(rows: Iterable[Iterable[str | None]]) -> str:
    """Return the rows as lines that end with CRLF. None is an empty cell.

    A cell that a spreadsheet would take for a formula gets a leading apostrophe.
    """
    text = StringIO()
    csv.writer(text).writerows([[_defused(cell) for cell in row] for row in rows])
    return text.getvalue()


def _defused(cell: str | None) -> str:
    if cell is None:
        return ""
    return f"'{cell}" if cell.startswith(_BEGINS_A_FORMULA) else cell
