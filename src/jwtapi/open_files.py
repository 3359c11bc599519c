"""The limit on open files (RLIMIT_NOFILE). Each connection counts as an open file."""

import asyncio
import errno
import os
import resource

import structlog

NEEDED = 4096
"""Enough for the connections that a worker accepts, as many that it refuses, and those that it opens itself."""

CHECK_SECONDS = 1

log = structlog.get_logger()


def raise_limit() -> None:
    """Raise the limit of this process and of those that it starts to NEEDED, or as far as allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if (allowed := _allowed(hard)) > _number(soft):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def problems_of_open_files() -> list[str]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if (allowed := _allowed(hard)) >= NEEDED:
        return []
    advice = "raise the hard limit (LimitNOFILE= of systemd, --ulimit nofile= of Docker)"
    return [f"RLIMIT_NOFILE: a worker needs {NEEDED} open files, and is allowed {allowed}: {advice}"]


async def watch_open_files(check_seconds: float = CHECK_SECONDS) -> None:
    """Until cancelled, log once when files can no longer be opened, and once when they can be opened again.

    Nothing else reports the new connections in between, because the event loop closes them silently.
    """
    are_used_up = False
    while True:
        await asyncio.sleep(check_seconds)
        fault = _fault_of_opening()
        if fault is not None and not are_used_up:
            log.error("no file can be opened: new connections are closed immediately", cause=fault)
        elif fault is None and are_used_up:
            log.info("files can be opened again")
        are_used_up = fault is not None


def _fault_of_opening() -> str | None:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return os.strerror(error.errno) if error.errno in {errno.EMFILE, errno.ENFILE} else None
    return None


def _allowed(hard: int) -> int:
    return min(NEEDED, _number(hard))


def _number(limit: int) -> int:
    return NEEDED if limit == resource.RLIM_INFINITY else limit
