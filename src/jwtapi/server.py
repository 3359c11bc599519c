"""Runs the app under uvicorn, with the bounds that uvicorn leaves out: on a request head's size and time."""

import asyncio
import multiprocessing
import signal
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from jwtapi.app import create_app
from jwtapi.background import background_tasks
from jwtapi.logs import configure_logging
from jwtapi.metrics import share_between_workers
from jwtapi.resources import make_resources
from jwtapi.settings import Settings

HEAD_SECONDS = 20
"""How long a connection may take to send a request's head, may sit idle before its first, and may send on after an
answer."""

MAX_HEAD_BYTES = 64 * 1024

MAX_REST_BYTES = 16 * 64 * 1024
"""After a request's head. The app bounds the body that it reads; this bounds chunks of a byte each, with six bytes
around it, trailers, and what somebody goes on sending after the answer."""

GRACE_SECONDS = 8
"""How long requests in flight may take to finish after SIGTERM."""

MAX_CONNECTIONS = 1000
"""Beyond this a worker answers 503: below the usual limit of 1024 open files a process."""

HANGING_SECONDS = 30
"""After this long without a sign of life a worker is replaced."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Drops who sends slowly or without end what no app waits for: a head, trailers, a body after its answer.

    uvicorn would hold the connection for ever, and keep whatever comes as a trailer.
    """

    _timer: asyncio.TimerHandle | None = None
    _begun: Any = None
    """The scope of the last request whose head is complete."""
    _bytes = 0
    """Received since that head, or if the next one has begun, of that one too."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # A message's scope is made when its first byte has come, its cycle when its head is complete.
        cycle, scope = self.cycle, self.scope
        is_complete = cycle is not None and cycle.scope is scope
        if is_complete and self._begun is not scope:
            # Most heads come in one piece, and need no timer.
            self._begun = scope
            self._bytes = 0
            self._stop_timer()
            return
        self._bytes += len(data)
        if self._timer is None and (not is_complete or cycle.response_complete):
            self._start_timer()
        if not is_complete and self._bytes > MAX_HEAD_BYTES:
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n")
            self._drop()
        elif self._bytes > MAX_REST_BYTES:
            self._drop()

    def on_chunk_header(self) -> None:
        # What comes as a header from now on is a trailer, and nobody reads those.
        self.headers = deque(maxlen=0)  # type: ignore[assignment]  # it is only appended to

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._drop)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop(self) -> None:
        self._stop_timer()
        self.transport.close()


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C, then let the requests in flight finish.

    With several workers this process only watches over them: it replaces those that die, and all one by one at SIGHUP.

    Raises:
        SystemExit: no worker can start.
    """
    config = uvicorn.Config(
        partial(_app_of_worker, settings),  # the settings as they are now, also for workers that are started later
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # ours are set by TRUSTED_PROXIES; uvicorn's would trust whoever is on this machine
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=HANGING_SECONDS,
    )
    if settings.workers == 1:
        _serve_alone(config)
    else:
        with TemporaryDirectory(prefix="jwtapi-") as folder:
            if settings.metrics_enabled:
                share_between_workers(folder)
            _serve_together(config)


def _serve_alone(config: uvicorn.Config) -> None:
    # uvicorn handles the signal while it serves, and raises it again when it is done: by then there is nothing left
    # that it could end.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)


def _serve_together(config: uvicorn.Config) -> None:
    supervisor = Multiprocess(config, [config.bind_socket()])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise SystemExit(STARTUP_FAILURE)


def _app_of_worker(settings: Settings) -> ASGIApp:
    configure_logging(settings.log_format)
    resources = make_resources(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        _end_with_parent()
        try:
            async with background_tasks(resources):
                yield
        finally:
            await resources.close()

    return create_app(resources, lifespan)


def _end_with_parent() -> None:
    """Let a worker whose parent was killed end as well: it would hold the port, and nobody would watch over it."""
    if (parent := multiprocessing.parent_process()) is None:
        return
    loop, sentinel = asyncio.get_running_loop(), parent.sentinel

    def end() -> None:
        loop.remove_reader(sentinel)  # it stays readable, and once is enough
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(sentinel, end)
