"""Makes a span for each statement of a request that has a span. It has the text with placeholders, never the values."""

from typing import Any

from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, get_current_span
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

_SPAN = "jwtapi.span"
"""The key of the running statement's span in `connection.info`. A connection runs one statement at a time."""


def trace_statements(engine: Engine, tracer: Tracer) -> None:
    system = engine.dialect.name

    @event.listens_for(engine, "before_cursor_execute")
    def _begin(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if not get_current_span().is_recording():
            return  # the statement belongs to no request, such as a poll of the change feed
        operation = statement.split(maxsplit=1)[0].upper()
        connection.info[_SPAN] = tracer.start_span(
            f"{operation} {system}",
            kind=SpanKind.CLIENT,
            attributes={"db.system.name": system, "db.operation.name": operation, "db.query.text": statement},
        )

    @event.listens_for(engine, "after_cursor_execute")
    def _end(connection: Connection, *_: Any) -> None:
        span: Span | None = connection.info.pop(_SPAN, None)
        if span is not None:
            span.end()

    @event.listens_for(engine, "handle_error")
    def _fail(context: ExceptionContext) -> None:
        span: Span | None = context.connection.info.pop(_SPAN, None) if context.connection is not None else None
        if span is not None:
            # Only the kind of error, because the message may contain a user name.
            span.set_attribute("error.type", type(context.original_exception).__name__)
            span.set_status(StatusCode.ERROR)
            span.end()
