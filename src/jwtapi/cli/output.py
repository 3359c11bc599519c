"""Prints what commands return: lines for people, JSON Lines for programs.

Names, addresses and what browsers call themselves come from strangers. None of their control characters reaches a
terminal.
"""

import json
import os
import select
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from jwtapi.web.schemas import Schema

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON Lines: an object on each line.")]


class OutputClosed(Exception):
    """Nobody reads standard output any more, as after `| head`."""


def write(lines: Iterable[str]) -> None:
    """Write lines to standard output, all at once.

    Raises:
        OutputClosed
    """
    write_text("".join(f"{line}\n" for line in lines))


def write_text(text: str) -> None:
    """As `write`, for whole lines that have their ends. Exits if they cannot be written, such as on a full disk."""
    if sys.stdout is None:  # the shell has closed it
        raise OutputClosed
    try:
        sys.stdout.write(_encodable(text))
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        raise OutputClosed from None
    except OSError as error:
        _discard_output()
        typer.echo(f"Standard output: {error.strerror}.", err=True)
        raise typer.Exit(1) from None


def _encodable(text: str) -> str:
    r"""Return the text with what a terminal that has no UTF-8 lacks as `\u0142`."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def say(line: str) -> None:
    """Write what a command has done. It is done even if nobody reads the line, so it does not fail then."""
    with suppress(OutputClosed):
        write([visible(line)])


def is_closed() -> bool:
    """Return whether nobody reads standard output any more. Otherwise a command that only waits would not notice it."""
    try:
        output = sys.stdout.fileno()
    except OSError:  # it is not a file, as in a test
        return False
    poll = select.poll()
    poll.register(output, 0)
    return bool(poll.poll(0))


def _discard_output() -> None:
    """Let what remains in the buffer go nowhere. Python would try to write it once more at the end, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def visible(text: str) -> str:
    r"""Return the text with its control characters, and others that nobody sees, as `\x1b` or `\u202e`."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def columns(*cells: str | None) -> str:
    """Return the line of a list. A cell without a value is a hyphen."""
    return "\t".join(visible(cell) if cell else "-" for cell in cells)


def json_line(document: Schema | Mapping[str, Any]) -> str:
    """Return the line of an object, in ASCII: it is the same in each encoding, and has no control character.

    A body of the API has the members that it has there.
    """
    members = document.model_dump(mode="json", by_alias=True) if isinstance(document, Schema) else document
    return json.dumps(members, separators=(",", ":"), default=_as_text).replace("\x7f", "\\u007f")


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def seconds(at: datetime) -> str:
    """Return RFC 3339 in UTC, in whole seconds, for people."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
