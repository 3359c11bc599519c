"""Writes a line for each user of an import: JSON Lines, or CSV if the name of the file ends with `.csv`."""

import json
from collections.abc import Callable, Sequence

from jwtapi.csv_cells import csv_lines
from jwtapi.importing.results import Result

_COLUMNS = ("line", "outcome", "username", "reason", "id", "externalId")

Write = Callable[[Result], None]


def json_lines(print_: Callable[[str], object]) -> Write:
    def write(result: Result) -> None:
        members = dict(zip(_COLUMNS, _cells(result), strict=True))
        # In ASCII, so that no text of the file can change what a terminal shows.
        print_(json.dumps({name: value for name, value in members.items() if value is not None}) + "\n")

    return write


def table(print_: Callable[[str], object]) -> Write:
    heading: list[Sequence[str | None]] = [_COLUMNS]

    def write(result: Result) -> None:
        cells = [None if cell is None else str(cell) for cell in _cells(result)]
        print_(csv_lines([*heading, cells]))
        heading.clear()

    return write


def _cells(result: Result) -> tuple[object, ...]:
    texts = (result.username, result.reason, str(result.id) if result.id is not None else None, result.external_id)
    return (result.line, result.outcome.value, *(None if each is None else _without_surrogates(each) for each in texts))


def _without_surrogates(text: str) -> str:
    return text.encode(errors="replace").decode()
