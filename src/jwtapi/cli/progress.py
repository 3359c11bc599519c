"""Shows on standard error how far a command is: a bar at a terminal, else one line for each step."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


def is_terminal() -> bool:
    return sys.stderr.isatty()


@contextmanager
def progress(what: str, rows: int) -> Iterator[Callable[[int], None]]:
    """Begin a step of so many rows, and provide the function that counts them."""
    if is_terminal():
        with typer.progressbar(length=rows, label=f"{what:18}", file=sys.stderr) as bar:
            yield bar.update
    else:
        typer.echo(f"{what}: {rows} rows", err=True)
        yield lambda _: None
