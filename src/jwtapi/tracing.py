"""Where spans go: a collector of OpenTelemetry. Needs the extra `otel`; nobody imports it unless there is one."""

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
"""How long the end of a server waits for the collector."""

log = structlog.get_logger()


class _Exporter(OTLPSpanExporter):
    """The library says at each batch that a collector is away; here it does at the first."""

    _is_failing = False

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        logging.getLogger(OTLPSpanExporter.__module__).addFilter(lambda _: not self._is_failing)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if self._is_failing and not failed:
            log.info("the collector takes spans again")
        self._is_failing = failed
        return result


class Tracing:
    """Spans are sent by a thread, in batches. What a collector that is away cannot take is dropped."""

    def __init__(self, endpoint: str) -> None:
        """To be made in the process that serves: threads do not survive a fork.

        `endpoint` is the collector's base URL. All else is as the standard variables say (`OTEL_…`).
        """
        ours = Resource({"service.name": "jwtapi", "service.version": __version__})
        self._provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(_Exporter(f"{endpoint}/v1/traces")))
        self.tracer = self._provider.get_tracer("jwtapi", __version__)

    async def close(self) -> None:
        """Send what is left, if the collector takes it in time."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(done.set)

        # A daemon: the library waits for half a minute, and the end of the process must not.
        threading.Thread(target=shut_down, name="last spans", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await done.wait()
