"""Writes one log line for each request.

This file leans on `encode_basestring_ascii` of Python's `json.encoder`, which is not documented.
"""

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted  # json.dumps takes longer for one text
from select import PIPE_BUF
from typing import Any, TextIO

import structlog

from jwtapi.log_fields import MAX_TEXT, cut, request_id, trace_context

POLLED = frozenset({"/health/live", "/health/ready", "/metrics", "/revocations"})
"""Paths that programs request all the time. The log shows only failures there, unless LOG_LEVEL is debug."""

_FIRST_ERROR = 400
"""A status from here on means that the request failed (RFC 9110 §15)."""

_MAX_ADDRESS = 64
"""No address is longer. The limit keeps the line short even if the scope contains something else."""

log = structlog.get_logger()


class _JsonLines:
    """Writes the lines of one turn of the event loop together. That takes a third of the time of separate writes.

    They all have the time at which the turn ended. A worker that is killed loses the lines of its last turn: those of a
    few milliseconds under load, else that of one request.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[tuple[str, str, int, float, str | None, str, str, str]] = []

    def add(self, level: str, scope: Mapping[str, Any], status: int, seconds: float) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write)
        # Do not store the scope: it would keep everything of the request in memory, and the next requests would be
        # slower because they could not reuse that memory.
        client, path = client_address(scope), scope["path"]
        if len(path) > MAX_TEXT:
            path = cut(path)
        trace = trace_context.get()
        ids = f'"trace_id": "{trace.trace_id}", "span_id": "{trace.span_id}", ' if trace is not None else ""
        self._waiting.append((scope["method"], path, status, seconds, client, request_id.get(), ids, level))

    def _write(self) -> None:
        requests, self._waiting = self._waiting, []
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        # Formatted here, because structlog takes three times as long.
        lines = [
            f'{{"method": {quoted(method)}, "path": {quoted(path)}, "status": {status}, '
            f'"milliseconds": {seconds * 1000:.1f}, "client": {quoted(client) if client is not None else "null"}, '
            f'"event": "request", "request_id": "{id_}", {ids_of_trace}"level": "{level}", "timestamp": "{now}Z"}}\n'
            for method, path, status, seconds, client, id_, ids_of_trace, level in requests
        ]
        piece = ""
        for line in lines:
            if piece and len(piece) + len(line) > PIPE_BUF:
                self._write_piece(piece)
                piece = ""
            piece += line
        self._write_piece(piece)

    def _write_piece(self, lines: str) -> None:
        # A longer piece than PIPE_BUF could be mixed with lines of other workers.
        self._stream.write(lines)
        self._stream.flush()


_json_lines: _JsonLines | None = None
"""None if lines are for a terminal. structlog writes those."""

_enabled_levels: Collection[str] = frozenset({"info"})


def configure_access_log(json_stream: TextIO | None, enabled_levels: Collection[str]) -> None:
    """Write lines of JSON to the stream; without a stream, let structlog write lines for a terminal."""
    global _json_lines, _enabled_levels  # noqa: PLW0603  as logging's own configuration
    _json_lines = _JsonLines(json_stream) if json_stream is not None else None
    _enabled_levels = enabled_levels


def log_request(scope: Mapping[str, Any], status: int, seconds: float) -> None:
    """Write the line of a request. `seconds` is the time from the request to the end of the response."""
    level = "debug" if scope["path"] in POLLED and status < _FIRST_ERROR else "info"
    if level not in _enabled_levels:
        return
    if _json_lines is not None:
        _json_lines.add(level, scope, status, seconds)
        return
    getattr(log, level)(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        milliseconds=round(seconds * 1000, 1),
        client=client_address(scope),
    )


def client_address(scope: Mapping[str, Any]) -> str | None:
    """Return the address of the client in an ASGI scope."""
    return scope["client"][0][:_MAX_ADDRESS] if scope.get("client") else None
