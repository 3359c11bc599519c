"""Releases of Python with security holes that clients of this server can reach."""

import sys
from collections.abc import Mapping
from typing import NamedTuple


class Hole(NamedTuple):
    name: str
    closed_in: Mapping[tuple[int, int], int]
    """The first patch release without the hole, for each minor version that ever had it."""


HOLES = (
    Hole("CVE-2024-7592 in http.cookies", {(3, 11): 10, (3, 12): 6}),
    Hole("CVE-2026-3276 in unicodedata", {(3, 11): 16, (3, 12): 14, (3, 13): 14, (3, 14): 6}),
)

RUNNING = sys.version_info[:3]


def interpreter_problems(version: tuple[int, int, int] | None = None) -> list[str]:
    """Name the holes of a version of Python, by default the running one, and the first release without them."""
    major, minor, patch = version or RUNNING
    closed_in = {hole.name: hole.closed_in.get((major, minor), 0) for hole in HOLES}
    still_open = [name for name, closed in closed_in.items() if patch < closed]
    if not still_open:
        return []
    holes = ", ".join(still_open)
    sound = f"{major}.{minor}.{max(closed_in.values())}"
    running = f"Python {major}.{minor}.{patch}"
    return [
        f"{running} has known vulnerabilities, unless its distributor has fixed them ({holes}): use {sound} or later"
    ]
