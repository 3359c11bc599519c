"""How a server reacts to signals: SIGTERM starts a drain (DRAIN_SECONDS); SIGHUP, SIGUSR1 and SIGUSR2 do not end it.

This file overrides methods that uvicorn does not document: `handle_exit` and `on_tick` of its `Server`; `handle_term`,
`handle_signals` and `terminate_all` of its `Multiprocess`, and `target` of its `Process`. It uses their attributes
`sockets`, `should_exit` and `server`, and replaces the class `Process` that `Multiprocess` makes workers of.
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
from uvicorn.supervisors import Multiprocess, multiprocess

from jwtapi.storage.readiness import Readiness

_HARMLESS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""They end a process that does not handle them. Operators send them because other servers then reload settings or
logs."""

_STANDARD_ERROR = 2

log = structlog.get_logger()


class Drain:
    """The time between SIGTERM and the stop. `/health/ready` responds 503, and all other endpoints respond as usual.

    Each response closes its connection, so that clients connect to another server.
    """

    def __init__(self, seconds: float) -> None:
        """Make it in the process that gets the signal.

        The start of the drain makes `start_pipe` readable in all workers.
        """
        self._seconds = seconds
        self.start_pipe, self._write_end = Pipe(duplex=False)
        self._ends_at: float | None = None

    def begin(self) -> bool:
        """Begin the drain. Return False if the server must stop now: there is no drain, or it had begun before."""
        if not self._seconds or self._ends_at is not None:
            return False
        self._ends_at = time.monotonic() + self._seconds
        self._write_end.close()  # makes the other end readable, also in workers that start later
        return True

    def has_ended(self) -> bool:
        return self._ends_at is not None and time.monotonic() >= self._ends_at


class Server(uvicorn.Server):
    """A single process, which responds to requests itself."""

    def __init__(self, config: uvicorn.Config, drain: Drain) -> None:
        super().__init__(config)
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not (sig == signal.SIGTERM and self.started and self._drain.begin()):
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        return self._drain.has_ended() or await super().on_tick(counter)


class Worker(multiprocess.Process):
    """A process of several that respond to requests."""

    def target(self, sockets: list[socket] | None = None) -> None:
        """Make the server before the thread that answers health checks begins.

        uvicorn makes it where it is first used, and both threads use it when a health check waits for the worker. So
        each of them could make one, and a worker that runs the other one would never count as ready.
        """
        _ = self.server
        super().target(sockets)


multiprocess.Process = Worker  # type: ignore[misc]  # there is no other way to choose the class


class Supervisor(Multiprocess):
    """A process that supervises workers.

    A worker that gets SIGTERM, as at a SIGHUP of the supervisor, ends without a drain.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket], drain: Drain) -> None:
        super().__init__(config, sockets)
        self._drain = drain

    def handle_term(self) -> None:
        if not self._drain.begin():
            super().handle_term()

    def handle_signals(self) -> None:
        super().handle_signals()
        if self._drain.has_ended():
            self.should_exit.set()

    def terminate_all(self) -> None:
        for listener in self.sockets:
            listener.close()  # otherwise it would accept connections after the workers ended, and cut them when it ends
        super().terminate_all()


def ignore_harmless_signals() -> None:
    """Ignore them until an event loop handles them."""
    for signal_ in _HARMLESS:
        signal.signal(signal_, signal.SIG_IGN)


def install_signal_handlers(drain_start: Connection, readiness: Readiness) -> None:
    """Log the signals that do not end this process, and withdraw readiness when a drain begins."""
    loop = asyncio.get_running_loop()
    had_terminal = _has_terminal()
    for signal_ in _HARMLESS:
        loop.add_signal_handler(signal_, _log_and_go_on, signal_, had_terminal)

    def withdraw() -> None:
        loop.remove_reader(drain_start.fileno())
        readiness.withdraw()
        log.info("draining: /health/ready answers 503, and the server stops soon")

    loop.add_reader(drain_start.fileno(), withdraw)


def _log_and_go_on(signal_: signal.Signals, had_terminal: bool) -> None:  # noqa: FBT001  a callback has no keywords
    if had_terminal and not _has_terminal():
        signal.raise_signal(signal.SIGTERM)  # the window of the terminal was closed
    else:
        log.warning("this signal has no effect; the server reads its settings only when it starts", signal=signal_.name)


def _has_terminal() -> bool:
    return os.isatty(_STANDARD_ERROR)
