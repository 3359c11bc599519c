"""What signals do to a server: SIGTERM drains it first (DRAIN_SECONDS), SIGHUP and its like do not end it.

This file overrides methods that uvicorn does not document: `handle_exit` and `on_tick` of its `Server`; `handle_term`,
`handle_signals` and `terminate_all` of its `Multiprocess`. It uses their attributes `sockets` and `should_exit`.
"""

import asyncio
import os
import signal
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from socket import socket
from types import FrameType

import structlog
import uvicorn
from uvicorn.supervisors import Multiprocess

from jwtapi.storage.readiness import Readiness

_HARMLESS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""They would end a process that does not handle them; other servers reload or reopen their logs at them."""

_STANDARD_ERROR = 2

log = structlog.get_logger()


class Drain:
    """Between SIGTERM and the stop: `/health/ready` says 503, everything else is answered, connections are not kept."""

    def __init__(self, seconds: float) -> None:
        """For the process that gets the signal; `word` goes to those that answer, which may be itself."""
        self._seconds = seconds
        self.word, self._end = Pipe(duplex=False)
        self._over_at: float | None = None

    def begin(self) -> bool:
        """Let it begin. False: there is none, or it has begun, and the server shall stop now."""
        if not self._seconds or self._over_at is not None:
            return False
        self._over_at = time.monotonic() + self._seconds
        self._end.close()  # heard by all workers, and by those that start later
        return True

    def is_over(self) -> bool:
        return self._over_at is not None and time.monotonic() >= self._over_at


class Server(uvicorn.Server):
    """One process that answers by itself."""

    def __init__(self, config: uvicorn.Config, drain: Drain) -> None:
        super().__init__(config)
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not (sig == signal.SIGTERM and self.started and self._drain.begin()):
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        return self._drain.is_over() or await super().on_tick(counter)


class Supervisor(Multiprocess):
    """One process that watches over workers. SIGTERM to a worker, as at SIGHUP, ends it without a drain."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket], drain: Drain) -> None:
        super().__init__(config, sockets)
        self._drain = drain

    def handle_term(self) -> None:
        if not self._drain.begin():
            super().handle_term()

    def handle_signals(self) -> None:
        super().handle_signals()
        if self._drain.is_over():
            self.should_exit.set()

    def terminate_all(self) -> None:
        for listener in self.sockets:
            listener.close()  # or connections would be taken after the workers', and cut when this process ends
        super().terminate_all()


def survive_harmless_signals() -> None:
    """Until a loop handles them."""
    for signal_ in _HARMLESS:
        signal.signal(signal_, signal.SIG_IGN)


def heed_signals(word: Connection, readiness: Readiness) -> None:
    """Let the running loop log what does not end this process, and withdraw it when a drain begins."""
    loop = asyncio.get_running_loop()
    had_terminal = _has_terminal()
    for signal_ in _HARMLESS:
        loop.add_signal_handler(signal_, _go_on_after, signal_, had_terminal)

    def withdraw() -> None:
        loop.remove_reader(word.fileno())
        readiness.withdraw()
        log.info("draining: /health/ready answers 503, and the server stops soon")

    loop.add_reader(word.fileno(), withdraw)


def _go_on_after(signal_: signal.Signals, had_terminal: bool) -> None:  # noqa: FBT001  a callback's
    if had_terminal and not _has_terminal():
        signal.raise_signal(signal.SIGTERM)  # its window was closed
    else:
        log.warning("this signal changes nothing; settings are read at the start", signal=signal_.name)


def _has_terminal() -> bool:
    return os.isatty(_STANDARD_ERROR)
