"""Serves `/metrics` on a separate port or socket file (METRICS_LISTEN).

This file creates uvicorn's protocol and a `ServerState` itself. Their constructors are not documented.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from uvicorn.server import ServerState

from jwtapi.http_protocol import BoundedHttpProtocol
from jwtapi.metrics import Metrics
from jwtapi.settings import SettingsError, parse_listen_address
from jwtapi.socket_files import listening_file
from jwtapi.web.health import metrics_app

MAX_CONNECTIONS = 20
"""A worker with more connections to the metrics responds 503."""


@contextmanager
def metrics_socket(address: str) -> Iterator[socket.socket]:
    """Bind and listen before the workers start. They share the socket, so any living worker responds.

    Raises:
        SettingsError: the address cannot be listened on.
    """
    place = parse_listen_address(address)
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(listening_file(place) if isinstance(place, Path) else _bound_port(*place))
        except OSError as error:
            raise SettingsError([f"METRICS_LISTEN: cannot listen there: {error.strerror or error}"]) from None
        except UnicodeError:  # the encoding of host names raises it
            raise SettingsError(["METRICS_LISTEN: cannot listen there: the name cannot be looked up"]) from None
        yield listener


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
    try:
        listener.bind(address)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
