"""Structured logs: readable on a terminal, JSON otherwise, the same for uvicorn's lines and ours."""

import logging
import sys
from typing import Any

import structlog

from jwtapi.settings import LogFormat


def configure_logging(log_format: LogFormat) -> None:
    console = log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Locals in a traceback would show passwords and tokens: neither renderer prints them.
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, _escape_control_characters, structlog.dev.ConsoleRenderer()]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("alembic", "aiosqlite", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _escape_control_characters(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """A path or a name must not end the line or colour the terminal. JSON escapes them by itself."""
    return {
        name: "\n".join(map(_escaped, value.split("\n"))) if name == "exception" else _escaped(value)
        for name, value in event.items()
    }


def _escaped(value: Any) -> Any:
    return value.encode("unicode_escape").decode() if isinstance(value, str) and not value.isprintable() else value
