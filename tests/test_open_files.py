import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog

from jwtapi.open_files import watch_open_files


@contextmanager
def no_file_to_open() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_running_out_of_open_files_is_logged_once_and_so_is_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    looks, really_open = 0, os.open

    def count(*arguments: Any) -> int:
        nonlocal looks
        looks += 1
        return really_open(*arguments)

    async def several_looks() -> None:
        goal = looks + 5
        while looks < goal:
            await asyncio.sleep(0)

    monkeypatch.setattr(os, "open", count)
    with structlog.testing.capture_logs() as logs:
        watching = asyncio.create_task(watch_open_files(check_seconds=0))
        for _ in range(2):
            await several_looks()
            with no_file_to_open():
                await several_looks()
        await several_looks()
        watching.cancel()
        await asyncio.wait([watching])
    assert [(entry["log_level"], entry.get("cause")) for entry in logs] == [
        ("error", "Too many open files"),
        ("info", None),
    ] * 2
