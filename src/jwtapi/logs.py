"""Configures structured logs: readable on a terminal, else JSON. uvicorn's lines have the same form as ours."""

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from jwtapi.access_log import configure_access_log
from jwtapi.log_fields import MAX_TEXT, cut, request_id, trace_context
from jwtapi.settings import LogFormat, LogLevel

MAX_TRACEBACK = 8_000


def is_for_people(log_format: LogFormat) -> bool:
    """Return whether log lines are for a terminal and not JSON."""
    return log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and sys.stderr.isatty())


def configure_logging(log_format: LogFormat, log_level: LogLevel = LogLevel.INFO) -> None:
    levels = [level.value for level in LogLevel]
    lowest = logging.getLevelNamesMapping()[log_level.upper()]
    console = is_for_people(log_format)
    shared: list[Any] = [
        _add_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    configure_access_log(None if console else sys.stderr, frozenset(levels[levels.index(log_level) :]))
    # Neither renderer prints local variables in a traceback, because they can contain passwords and tokens.
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, _cut_texts, _escape_control_characters, structlog.dev.ConsoleRenderer()]
        if console
        else [structlog.processors.format_exc_info, _cut_texts, structlog.processors.JSONRenderer(_to_json)]
    )
    # Our lines go directly to the stream. Through Python's logging, a line would take a dozen times as long.
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
    # Only our own loggers go below info, because debug lines of libraries contain SQL values and request bodies.
    root.setLevel(max(lowest, logging.INFO))
    for chatty in ("alembic", "aiosqlite", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _add_ids(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if current := request_id.get(None):
        event["request_id"] = current
    if trace := trace_context.get():
        event.update(trace._asdict())
    return event


def _cut_texts(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Limit the length of a line. A client may have chosen the texts in it."""
    for name, value in event.items():
        if isinstance(value, str) and len(value) > MAX_TEXT:
            event[name] = _cut_middle(value) if name == "exception" else cut(value)
    return event


def _cut_middle(traceback: str) -> str:
    """Return the beginning and the end: where it was called, and where it failed."""
    if len(traceback) <= MAX_TRACEBACK:
        return traceback
    half = MAX_TRACEBACK // 2
    return f"{traceback[:half]}\n… ({len(traceback) - 2 * half} more)\n{traceback[-half:]}"


# Make one encoder. json.dumps would make one for each call with a `default`.
_encode = json.JSONEncoder(default=repr).encode


def _to_json(event: dict[str, Any], **_: Any) -> str:
    return _encode(event)


def _escape_control_characters(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Escape texts for a terminal, so that a path or a name cannot end the line or change colours.

    JSON escapes anyway.
    """
    return {
        name: "\n".join(map(_escaped, value.split("\n"))) if name == "exception" else _escaped(value)
        for name, value in event.items()
    }


def _escaped(value: Any) -> Any:
    return value.encode("unicode_escape").decode() if isinstance(value, str) and not value.isprintable() else value
