"""`jwtapi db copy`."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from jwtapi.cli.running import fail
from jwtapi.copying.copy import Advance, Copied, TargetHasMore, copy_database
from jwtapi.copying.endpoints import CannotCopy
from jwtapi.urls.database import parse_database_url

app = typer.Typer(help="Administer databases.", no_args_is_help=True)

_COLUMNS = "{:10}{:>10}{:>10}{:>10}{:>12}{:>12}  {:18}{}"
_DIGITS = 16
"""Of a checksum, to look at; all of them are compared."""


@app.callback()
def database() -> None:
    """Administer databases."""


@app.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A URL as in DATABASE_URL. It is only read.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Another one, whose schema is brought up to date.")],
    overwrite: Annotated[  # noqa: FBT002  an option, by name
        bool, typer.Option("--overwrite", help="Let TO lose all that FROM does not have, users too.")
    ] = False,
) -> None:
    """Make TO a copy of FROM: users, sessions and events, from SQLite to PostgreSQL, back, or among their own kind.

    Run it again at any time, and after it was interrupted: it then writes only what differs.

    Leave PostgreSQL's password out of the URL, for others see command lines: PGPASSWORD or ~/.pgpass may have it.
    """
    source_url, target_url = _url("FROM", source), _url("TO", target)
    try:
        copied = asyncio.run(copy_database(source_url, target_url, overwrite=overwrite, progress=_progress))
    except CannotCopy as error:
        fail(str(error))
    except TargetHasMore as error:
        fail(
            f"{_what_only_target_has(error)} Nothing was copied. "
            "If TO may lose all that FROM does not have, add --overwrite."
        )
    _report(copied)


def _what_only_target_has(error: TargetHasMore) -> str:
    if error.users:
        return (
            f"Users that TO has and FROM does not: {error.users}. "
            "They were deleted from FROM since it was copied, or they registered on TO."
        )
    return (
        "TO's newest event is not in FROM: a server ran on TO since it was copied, or FROM's old events were deleted."
    )


def _url(name: str, text: str) -> str:
    try:
        return parse_database_url(text)
    except ValueError as error:
        fail(f"{name} {error}.")


def _is_terminal() -> bool:
    return sys.stderr.isatty()


@contextmanager
def _progress(what: str, rows: int) -> Iterator[Advance]:
    if _is_terminal():
        with typer.progressbar(length=rows, label=f"{what:18}", file=sys.stderr) as bar:
            yield bar.update
    else:
        typer.echo(f"{what}: {rows} rows", err=True)
        yield lambda _: None


def _report(copied: list[Copied]) -> None:
    typer.echo(
        _COLUMNS.format("", "inserted", "updated", "deleted", "rows FROM", "rows TO", "sha256 FROM", "sha256 TO")
    )
    for table in copied:
        changes, ours, theirs = table.changes, table.source, table.target
        typer.echo(
            _COLUMNS.format(
                table.name,
                changes.inserted,
                changes.updated,
                changes.deleted,
                ours.rows,
                theirs.rows,
                ours.sha256[:_DIGITS],
                theirs.sha256[:_DIGITS],
            )
        )
    if differing := [table.name for table in copied if table.source != table.target]:
        fail(f"TO differs from FROM in {', '.join(differing)}. Let nobody write to TO, and copy again.")
    typer.echo("TO equals FROM.")
