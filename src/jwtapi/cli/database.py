"""`jwtapi db copy`."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

import typer

from jwtapi.cli.output import OutputClosed, say, write
from jwtapi.cli.progress import progress
from jwtapi.cli.running import exit_with_error
from jwtapi.copying.copy import Copied, TargetHasMore, copy_database
from jwtapi.copying.endpoints import CannotCopy
from jwtapi.urls.database import parse_database_url

app = typer.Typer(help="Administer databases.", no_args_is_help=True)

_COLUMNS = "{:10}{:>10}{:>10}{:>10}{:>12}{:>12}  {:18}{}"
_DIGITS = 16
"""Digits of a checksum that are printed. The comparison uses all of them."""


@app.callback()
def database() -> None:
    """Administer databases."""


@app.command()
def copy(
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="A URL as in DATABASE_URL. The command only reads from it.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="The URL of the target. The command migrates its schema.")
    ],
    overwrite: Annotated[  # noqa: FBT002  an option, by name
        bool, typer.Option("--overwrite", help="Delete everything from TO that FROM does not have, including users.")
    ] = False,
) -> None:
    """Make the database TO a copy of FROM: users, sessions and events. Each can be SQLite or PostgreSQL.

    You can run it again at any time, also after it was interrupted. It then writes only the differences.

    Do not put the password of PostgreSQL into the URL, because other users of the machine can see command lines.
    Use PGPASSWORD or ~/.pgpass.
    """
    source_url, target_url = _url("FROM", source), _url("TO", target)
    try:
        copied = asyncio.run(copy_database(source_url, target_url, overwrite=overwrite, progress=progress))
    except CannotCopy as error:
        exit_with_error(str(error))
    except TargetHasMore as error:
        exit_with_error(
            f"{_what_only_target_has(error)} Nothing was copied. "
            "To delete everything from TO that FROM does not have, add --overwrite."
        )
    _report(copied)


def _what_only_target_has(error: TargetHasMore) -> str:
    if error.users:
        return (
            f"Users that TO has and FROM does not: {error.users}. "
            "They registered on TO, or they were deleted from FROM after an earlier copy."
        )
    return (
        "The newest event of TO is not in FROM: a server ran on TO after an earlier copy, or old events were deleted "
        "from FROM."
    )


def _url(name: str, text: str) -> str:
    try:
        return parse_database_url(text)
    except ValueError as error:
        exit_with_error(f"{name} {error}.")


def _report(copied: list[Copied]) -> None:
    with suppress(OutputClosed):  # it is copied, even if nobody reads that
        write(_lines(copied))
    if differing := [table.name for table in copied if table.source != table.target]:
        exit_with_error(
            f"TO differs from FROM in {', '.join(differing)}. Stop everything that writes to TO, and copy again."
        )
    say("TO is now equal to FROM.")


def _lines(copied: list[Copied]) -> Iterator[str]:
    yield _COLUMNS.format("", "inserted", "updated", "deleted", "rows FROM", "rows TO", "sha256 FROM", "sha256 TO")
    for table in copied:
        changes, ours, theirs = table.changes, table.source, table.target
        yield _COLUMNS.format(
            table.name,
            changes.inserted,
            changes.updated,
            changes.deleted,
            ours.rows,
            theirs.rows,
            ours.sha256[:_DIGITS],
            theirs.sha256[:_DIGITS],
        )
