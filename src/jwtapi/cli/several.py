"""Runs a command on each of several names."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Annotated

import typer

from jwtapi.cli.output import OutputClosed, visible, write
from jwtapi.cli.running import ExitCode, failure_of, report_failure, run_with_services
from jwtapi.errors import StorageUnavailable
from jwtapi.services import Services

IfExists = Annotated[bool, typer.Option("--if-exists", help="A name that is not there is no failure.")]


def run_for_each(
    names: Sequence[str],
    act: Callable[[Services, str], Awaitable[Iterable[str]]],
    *,
    if_exists: bool = False,
    as_json: bool = False,
) -> None:
    """Call `act` for each name, also after it has failed for another, and print the lines that it returns, as they are.

    Exits with the code of the failures if they are all of one kind, and with ExitCode.FAILED if not. Ends immediately
    if the database does not answer, because it would not answer for the other names either.
    """
    distinct = list(dict.fromkeys(names))

    async def run(services: Services) -> set[ExitCode]:
        codes = set()
        for name in distinct:
            try:
                lines = await act(services, name)
            except StorageUnavailable:
                raise
            except Exception as error:
                if (failure := failure_of(error)) is None:
                    raise
                if if_exists and failure.code is ExitCode.NOT_THERE:
                    if as_json:  # it is no object
                        report_failure(failure)
                        continue
                    lines = [visible(failure.sentence)]
                else:
                    if len(distinct) > 1 and name not in failure.sentence:
                        failure = failure._replace(sentence=f"{name}: {failure.sentence}")
                    report_failure(failure)
                    codes.add(failure.code)
                    continue
            with suppress(OutputClosed):  # it is done, even if nobody reads that
                write(lines)
        return codes

    codes = run_with_services(run)
    if codes:
        raise typer.Exit(codes.pop() if len(codes) == 1 else ExitCode.FAILED)
