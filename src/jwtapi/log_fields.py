"""The fields that a log line gets from its request, and the limit on texts."""

from contextvars import ContextVar
from typing import NamedTuple

MAX_TEXT = 200
"""Characters of a text that a client may have chosen. JSON needs at most 12 bytes for each, so a line without a
traceback is shorter than PIPE_BUF. Several workers can then write to one pipe without mixing their lines."""


class TraceContext(NamedTuple):
    """The position of a request in the trace of its caller (W3C Trace Context, level 1)."""

    trace_id: str
    """32 lower-case hexadecimal digits."""
    span_id: str
    """16 lower-case hexadecimal digits: the span that the request is a part of."""


request_id: ContextVar[str] = ContextVar("request_id")
"""The id of the current request. Each of its log lines has it."""

trace_context: ContextVar[TraceContext | None] = ContextVar("trace_context", default=None)
"""The trace of the current request, if its caller sent one. Each of its log lines has both ids."""


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """Return the beginning of the text, and how many characters were cut."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more)"
