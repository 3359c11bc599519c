"""Sends spans to a collector of OpenTelemetry.

It needs the extra `otel`, so it is imported only if a collector is set.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from contextlib import suppress

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from jwtapi import __version__

FLUSH_SECONDS = 2
"""How long a server that stops waits for the collector."""

log = structlog.get_logger()


class _Exporter(OTLPSpanExporter):
    """Logs only the first failure while the collector is down. The library would log one for each batch."""

    _is_failing = False

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        logging.getLogger(OTLPSpanExporter.__module__).addFilter(lambda _: not self._is_failing)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if self._is_failing and not failed:
            log.info("the collector accepts spans again")
        self._is_failing = failed
        return result


class Tracing:
    """A thread sends the spans in batches. While the collector is down, spans are dropped."""

    def __init__(self, endpoint: str) -> None:
        """Create it in the process that serves, because threads do not survive a fork.

        `endpoint` is the base URL of the collector. The standard variables (`OTEL_…`) set everything else.
        """
        ours = Resource({"service.name": "jwtapi", "service.version": __version__})
        self._provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(_Exporter(f"{endpoint}/v1/traces")))
        self.tracer = self._provider.get_tracer("jwtapi", __version__)

    async def close(self) -> None:
        """Send the remaining spans, if the collector accepts them in time."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop is closed, so nothing waits for this
                loop.call_soon_threadsafe(done.set)

        # A daemon thread: the library may wait for half a minute, and the process must be able to end before.
        threading.Thread(target=shut_down, name="last spans", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await done.wait()
