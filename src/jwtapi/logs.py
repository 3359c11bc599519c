"""Structured logs: readable on a terminal, JSON otherwise, the same for uvicorn's lines and ours."""

import asyncio
import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted  # undocumented; json.dumps takes longer for one text
from select import PIPE_BUF
from typing import Any, NamedTuple, TextIO

import structlog

from jwtapi.settings import LogFormat, LogLevel

log = structlog.get_logger()

request_id: ContextVar[str] = ContextVar("request_id")
"""Of the request that is being answered: each of its lines has it."""


class TraceContext(NamedTuple):
    """Where a request stands in its caller's trace (W3C Trace Context, level 1)."""

    trace_id: str
    """32 lower-case hexadecimal digits."""
    span_id: str
    """16 of them: the span that this request is a part of."""


trace_context: ContextVar[TraceContext | None] = ContextVar("trace_context", default=None)
"""Of the request that is being answered, if its caller takes part in a trace: each of its lines has both ids."""

PROBES = frozenset({"/health/live", "/health/ready", "/metrics"})
"""What machines ask all day long: only what fails there is worth a line."""

MAX_TEXT = 200
"""Characters of a text that a client may have chosen. In JSON each takes 12 bytes at most, so that a line without a
traceback is shorter than PIPE_BUF: what several workers write to one pipe is not torn."""

MAX_TRACEBACK = 8_000

_FIRST_ERROR = 400
"""Statuses from here on say that a request failed (RFC 9110 §15)."""

_MAX_ADDRESS = 64
"""No address is longer; a line has a bound whatever else may once stand there."""


def _cut(text: str, limit: int = MAX_TEXT) -> str:
    """Leave its beginning, and say how much was cut."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more)"


class _AccessLines:
    """Formats and writes the access lines of one turn of the event loop together, which costs a third of one by one.

    They have one timestamp, that of the turn's end. A worker that is killed takes with it the lines of its last turn: a
    few milliseconds under load, one request else.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[tuple[str, str, int, float, str | None, str, str, str]] = []

    def add(self, level: str, scope: Mapping[str, Any], status: int, seconds: float) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write)
        # Not the scope: all that it holds would stay alive, and the next requests find no warm memory.
        client, path = client_address(scope), scope["path"]
        if len(path) > MAX_TEXT:
            path = _cut(path)
        trace = trace_context.get()
        ids = f'"trace_id": "{trace.trace_id}", "span_id": "{trace.span_id}", ' if trace is not None else ""
        self._waiting.append((scope["method"], path, status, seconds, client, request_id.get(), ids, level))

    def _write(self) -> None:
        requests, self._waiting = self._waiting, []
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        # Put together here: structlog takes three times as long for it.
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
        # What is longer than PIPE_BUF, other workers' lines could come in between.
        self._stream.write(lines)
        self._stream.flush()


_access_lines: _AccessLines | None = None
"""For lines of JSON; people on a terminal get theirs by structlog."""

_logged: frozenset[str] = frozenset({"info"})
"""The levels of access lines that are not below LOG_LEVEL."""


def is_for_people(log_format: LogFormat) -> bool:
    """Tell whether lines are made for a terminal, and not JSON."""
    return log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and sys.stderr.isatty())


def configure_logging(log_format: LogFormat, log_level: LogLevel = LogLevel.INFO) -> None:
    global _access_lines, _logged  # noqa: PLW0603  as logging's own configuration
    levels = [level.value for level in LogLevel]
    _logged = frozenset(levels[levels.index(log_level) :])
    lowest = logging.getLevelNamesMapping()[log_level.upper()]
    console = is_for_people(log_format)
    shared: list[Any] = [
        _add_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    _access_lines = None if console else _AccessLines(sys.stderr)
    # Locals in a traceback would show passwords and tokens: neither renderer prints them.
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, _cut_texts, _escape_control_characters, structlog.dev.ConsoleRenderer()]
        if console
        else [structlog.processors.format_exc_info, _cut_texts, structlog.processors.JSONRenderer(_to_json)]
    )
    # Ours go straight to the stream: with Python's logging between, a line costs a dozen times as much.
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Ours alone go below: what libraries say there has statements with their values in it, and bodies.
    root.setLevel(max(lowest, logging.INFO))
    for chatty in ("alembic", "aiosqlite", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def log_request(scope: Mapping[str, Any], status: int, seconds: float) -> None:
    """Give a request its access line; `seconds` from the request to the end of its answer."""
    level = "debug" if scope["path"] in PROBES and status < _FIRST_ERROR else "info"
    if level not in _logged:
        return
    if _access_lines is not None:
        _access_lines.add(level, scope, status, seconds)
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
    """The client's address in an ASGI scope."""
    return scope["client"][0][:_MAX_ADDRESS] if scope.get("client") else None


def _add_ids(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if current := request_id.get(None):
        event["request_id"] = current
    if trace := trace_context.get():
        event.update(trace._asdict())
    return event


def _cut_texts(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Whatever a client made a line say, it is bounded."""
    for name, value in event.items():
        if isinstance(value, str) and len(value) > MAX_TEXT:
            event[name] = _middle_cut(value) if name == "exception" else _cut(value)
    return event


def _middle_cut(traceback: str) -> str:
    """Leave where it was called and where it failed."""
    if len(traceback) <= MAX_TRACEBACK:
        return traceback
    half = MAX_TRACEBACK // 2
    return f"{traceback[:half]}\n… ({len(traceback) - 2 * half} more)\n{traceback[-half:]}"


# Made once; json.dumps makes one at each call that has a `default`.
_encode = json.JSONEncoder(default=repr).encode


def _to_json(event: dict[str, Any], **_: Any) -> str:
    return _encode(event)


def _escape_control_characters(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """A path or a name must not end the line or colour the terminal. JSON escapes them by itself."""
    return {
        name: "\n".join(map(_escaped, value.split("\n"))) if name == "exception" else _escaped(value)
        for name, value in event.items()
    }


def _escaped(value: Any) -> Any:
    return value.encode("unicode_escape").decode() if isinstance(value, str) and not value.isprintable() else value
