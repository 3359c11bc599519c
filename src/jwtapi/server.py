"""Runs the app under uvicorn, with the bounds that uvicorn leaves out: on a request head's size and time."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from jwtapi.settings import Settings

HEAD_SECONDS = 20
"""How long a connection may take to send a request's head, and may sit idle before its first."""

MAX_HEAD_BYTES = 64 * 1024

GRACE_SECONDS = 8
"""How long requests in flight may take to finish after SIGTERM."""

MAX_CONNECTIONS = 1000
"""Beyond this uvicorn answers 503: below the usual limit of 1024 open files a process."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Drops who sends a request head slowly or without end; uvicorn would hold the connection for ever."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._head_timer is not None else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self._stop_timer()
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def on_message_begin(self) -> None:
        self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_timer()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._stop_timer()
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._drop)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _drop(self) -> None:
        self._head_timer = None
        self.transport.close()


def run_on_fastest_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end, on uvloop where there is one. Ctrl-C is an end like any other."""
    try:
        if sys.platform == "win32":
            asyncio.run(main)
        else:
            import uvloop  # noqa: PLC0415  not on every platform

            uvloop.run(main)
    except KeyboardInterrupt:
        pass


async def serve(app: FastAPI, settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C, then let the requests in flight finish."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # ours are set by TRUSTED_PROXIES; uvicorn's would trust whoever is on this machine
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # uvicorn handles the signal while it serves, and raises it again when it is done: by then there is only
    # cleaning up left to do, which it must not cut short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    await uvicorn.Server(config).serve()
