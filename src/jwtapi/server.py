"""Runs the app under uvicorn, in one process or in several.

This file leans on two undocumented parts of uvicorn: the exit status `STARTUP_FAILURE`, and the list `processes` of its
supervisor.
"""

import asyncio
import gc
import multiprocessing
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from functools import partial
from multiprocessing.connection import Connection
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE

from jwtapi.app import create_app
from jwtapi.background import background_tasks
from jwtapi.composition import make_services
from jwtapi.http_protocol import ON_SHUTDOWN, TIMEOUTS, BoundedHttpProtocol, Timeouts
from jwtapi.logs import configure_logging
from jwtapi.metrics import Metrics, share_between_workers
from jwtapi.metrics_listener import metrics_socket, serving_metrics
from jwtapi.settings import Settings, SettingsError
from jwtapi.socket_files import listening_file
from jwtapi.stopping import Drain, Server, Supervisor, ignore_harmless_signals, install_signal_handlers
from jwtapi.storage.database import Database
from jwtapi.storage.readiness import Readiness

if TYPE_CHECKING:
    from jwtapi.tracing import Tracing

GRACE_SECONDS = 8
"""How long requests that are in progress at SIGTERM may take to finish."""

MAX_CONNECTIONS = 1000
"""A worker with more connections responds 503."""

HANGING_SECONDS = 30
"""A worker that does not react for this long is replaced."""

SWITCH_SECONDS = 0.001
"""How long a thread runs Python while another one waits to. Python's default is five times as long: a busy event loop
would let each step of a login wait for it, after each statement and after the hash."""

_GARBAGE = 5000
"""New objects before the garbage collector looks at them. Few of ours refer to each other in circles."""

_THIS_MACHINE = frozenset({"0.0.0.0", "::", "127.0.0.1", "::1"})  # noqa: S104  compared only
"""What HOST can be for a server that a browser on this machine finds at localhost."""

log = structlog.get_logger()


def serve(settings: Settings, *, timeouts: Timeouts = TIMEOUTS) -> None:
    """Serve until SIGTERM or Ctrl-C, and then finish the requests in progress. SIGTERM first starts the drain.

    During the drain, which lasts DRAIN_SECONDS, the server still responds to all requests. With several workers, this
    process only supervises them: it replaces a worker that dies, and at SIGHUP it replaces all of them, one by one.

    Raises:
        SettingsError: the server cannot listen at METRICS_LISTEN or at UDS.
        SystemExit: no worker can start.
    """
    ignore_harmless_signals()
    with _metrics_socket(settings) as listener, _socket_file(settings) as sockets:
        if listener is not None:
            log.info("metrics are served", listen=settings.metrics_listen)
        if settings.docs_enabled and (address := _address_for_browsers(settings)) is not None:
            log.info("the API can be tried in a browser", docs=f"{address}/docs")
        _serve(settings, listener, sockets, timeouts)


def _serve(
    settings: Settings,
    metrics_listener: socket.socket | None,
    sockets: list[socket.socket] | None,
    timeouts: Timeouts,
) -> None:
    drain = Drain(settings.drain_seconds)
    # Workers that start later get these settings too, even if the environment has changed.
    make_app = partial(_app_of_worker, settings, metrics_listener, drain.start_pipe)
    config = uvicorn.Config(
        make_app,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=partial(BoundedHttpProtocol, timeouts=timeouts),  # type: ignore[arg-type]  # uvicorn only calls it
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # TRUSTED_PROXIES replaces them; uvicorn would trust every program on this machine
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=HANGING_SECONDS,
    )
    if settings.workers == 1:
        _serve_alone(config, drain, sockets)
    else:
        with TemporaryDirectory(prefix="jwtapi-") as folder:
            if settings.counts_requests:
                share_between_workers(folder)
            _serve_together(config, drain, sockets or [config.bind_socket()])


def _serve_alone(config: uvicorn.Config, drain: Drain, sockets: list[socket.socket] | None) -> None:
    # uvicorn handles the signal while it serves, and raises it again after it has stopped. The process must ignore that
    # second signal, or its exit status would be that of a killed process.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server = Server(config, drain)
    with suppress(KeyboardInterrupt):
        server.run(sockets)
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)


def _serve_together(config: uvicorn.Config, drain: Drain, sockets: list[socket.socket]) -> None:
    supervisor = Supervisor(config, sockets, drain)
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise SystemExit(STARTUP_FAILURE)


def _address_for_browsers(settings: Settings) -> str | None:
    """Return PUBLIC_URL, or else the address for a browser on this machine.

    It cannot connect to 0.0.0.0 or ::, and has no passkeys for 127.0.0.1 or ::1.
    """
    if settings.public_url is not None:
        return settings.public_url
    if settings.uds is not None:
        return None
    host = "localhost" if settings.host in _THIS_MACHINE else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}{settings.root_path or ''}"


def _metrics_socket(settings: Settings) -> AbstractContextManager[socket.socket | None]:
    return nullcontext() if settings.metrics_listen is None else metrics_socket(settings.metrics_listen)


@contextmanager
def _socket_file(settings: Settings) -> Iterator[list[socket.socket] | None]:
    """Listen on the file that UDS names. Yield None if UDS is not set: uvicorn then listens on HOST and PORT."""
    if settings.uds is None:
        yield None
        return
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(listening_file(settings.uds))
        except OSError as error:
            raise SettingsError([f"UDS: cannot listen there: {error.strerror or error}"]) from None
        log.info("listening on the socket file of UDS, and not on HOST and PORT", uds=str(settings.uds))
        yield [listener]


def _app_of_worker(settings: Settings, metrics_listener: socket.socket | None, drain_start: Connection) -> ASGIApp:
    configure_logging(settings.log_format, settings.log_level)
    sys.setswitchinterval(SWITCH_SECONDS)
    services = make_services(settings)
    tracing = _tracing(settings)
    if tracing is not None:
        services[Database].trace(tracing.tracer)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        _end_with_parent()
        install_signal_handlers(drain_start, services[Readiness])
        try:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(background_tasks(services))
                if metrics_listener is not None:
                    await stack.enter_async_context(serving_metrics(metrics_listener, services[Metrics]))
                _spare_garbage_collection()
                yield {ON_SHUTDOWN: services[Readiness].withdraw}
        finally:
            await services.close()
            if tracing is not None:
                await tracing.close()

    return create_app(services, lifespan, tracer=tracing.tracer if tracing is not None else None)


def _spare_garbage_collection() -> None:
    """Let the garbage collector forget what exists now, because it stays until the end of the process.

    Otherwise each full collection looks at all of it, and every request waits for some 30 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE, 20, 20)


def _tracing(settings: Settings) -> "Tracing | None":
    if settings.otel_exporter_otlp_endpoint is None:
        return None
    from jwtapi.tracing import Tracing  # noqa: PLC0415  needs the extra `otel`

    return Tracing(settings.otel_exporter_otlp_endpoint)


def _end_with_parent() -> None:
    """End this worker if its parent is killed. It would keep the port, and no process would supervise it."""
    if (parent := multiprocessing.parent_process()) is None:
        return
    loop, sentinel = asyncio.get_running_loop(), parent.sentinel

    def end() -> None:
        loop.remove_reader(sentinel)  # it stays readable, so this would run again and again
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(sentinel, end)
