"""`make bench`: measures jwtapi beside its peers and its ceilings, and writes a table and a plot."""

import argparse
import asyncio

from benchmarks import checks, first_sight, footprint, growth, logins, neighbours, refreshes, signing
from benchmarks.comparison import Comparison, Effort
from benchmarks.results import table_of, write_results
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

CHAPTERS = {
    "checks": checks.run,
    "logins": logins.run,
    "neighbours": neighbours.run,
    "refreshes": refreshes.run,
    "first-sight": first_sight.run,
    "signing": signing.run,
    "growth": growth.run,
    "footprint": footprint.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help=f"some of {', '.join(CHAPTERS)}; else all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="seconds of requests in each turn")
    options = parser.parse_args()
    if unknown := set(options.chapters) - set(CHAPTERS):
        parser.error(f"no such chapter: {', '.join(unknown)}")
    asyncio.run(_run(options.chapters or list(CHAPTERS), Effort(options.rounds, options.seconds)))


async def _run(chapters: list[str], effort: Effort) -> None:
    found: list[Comparison] = []
    columns = (TextColumn("{task.description:40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as progress:
        for chapter in chapters:
            found += await CHAPTERS[chapter](progress, effort)
    print(table_of(found))
    if len(chapters) == len(CHAPTERS):
        write_results(found, effort)


if __name__ == "__main__":
    main()
