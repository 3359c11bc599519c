"""`/metrics` on a port or a socket file of its own (METRICS_LISTEN)."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import uvicorn
from uvicorn.server import ServerState

from jwtapi.http_protocol import BoundedHttpProtocol
from jwtapi.metrics import Metrics
from jwtapi.settings import SettingsError, parse_listen_address
from jwtapi.web.health import metrics_app

MAX_CONNECTIONS = 20
"""Of each worker; beyond this it answers 503."""

_UMASK = 0o117
"""A socket file is for its owner and its group."""


@contextmanager
def metrics_socket(address: str) -> Iterator[socket.socket]:
    """Bind and listen, before there are workers: they share the socket, so any of them that lives answers.

    Raises:
        SettingsError: nobody can listen there.
    """
    place = parse_listen_address(address)
    try:
        listener = _bound_file(place) if isinstance(place, Path) else _bound_port(*place)
    except OSError as error:
        raise SettingsError([f"METRICS_LISTEN: cannot listen there: {error.strerror or error}"]) from None
    except UnicodeError:  # from the encoding of names
        raise SettingsError(["METRICS_LISTEN: cannot listen there: no name that can be looked up"]) from None
    with listener:
        try:
            yield listener
        finally:
            if isinstance(place, Path):
                with suppress(OSError):
                    place.unlink()


@asynccontextmanager
async def serving_metrics(listener: socket.socket, metrics: Metrics) -> AsyncIterator[None]:
    config = uvicorn.Config(
        metrics_app(metrics),
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        limit_concurrency=MAX_CONNECTIONS,
    )
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedHttpProtocol(config, state, {}, loop), sock=listener)
    try:
        yield
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()


def _bound_port(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _listening(listener, address)


def _bound_file(path: Path) -> socket.socket:
    _remove_if_nobody_listens(path)
    before = os.umask(_UMASK)
    try:
        return _listening(socket.socket(socket.AF_UNIX), str(path))
    finally:
        os.umask(before)


def _listening(listener: socket.socket, address: object) -> socket.socket:
    try:
        listener.bind(address)  # type: ignore[arg-type]  # of the socket's family
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _remove_if_nobody_listens(path: Path) -> None:
    """A server that was killed leaves its file."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
