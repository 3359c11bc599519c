"""Structured logs: readable on a terminal, JSON otherwise, the same for uvicorn's lines and ours."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from jwtapi.settings import LogFormat

log = structlog.get_logger()

_json_stream: TextIO | None = None
"""Where lines of JSON go, if they do."""


def configure_logging(log_format: LogFormat) -> None:
    global _json_stream  # noqa: PLW0603  as logging's own configuration
    console = log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    _json_stream = None if console else sys.stderr
    # Locals in a traceback would show passwords and tokens: neither renderer prints them.
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, _escape_control_characters, structlog.dev.ConsoleRenderer()]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_to_json)]
    )
    # Ours go straight to the stream: with Python's logging between, a line costs a dozen times as much.
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
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
    root.setLevel(logging.INFO)
    for chatty in ("alembic", "aiosqlite", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def log_request(scope: Mapping[str, Any], request_id: str, status: int, seconds: float) -> None:
    """The access line of a request. JSON is put together here: structlog takes three times as long for it."""
    method, path, milliseconds = scope["method"], scope["path"], round(seconds * 1000, 1)
    client = scope["client"][0] if scope.get("client") else None
    if _json_stream is None:
        log.info("request", method=method, path=path, status=status, milliseconds=milliseconds, client=client)
        return
    _json_stream.write(
        f'{{"method": {json.dumps(method)}, "path": {json.dumps(path)}, "status": {status}, '
        f'"milliseconds": {milliseconds}, "client": {json.dumps(client)}, "event": "request", '
        f'"request_id": "{request_id}", "level": "info", "timestamp": "{_now()}"}}\n'
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


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
