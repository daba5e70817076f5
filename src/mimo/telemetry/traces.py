"""Spans of a request for OpenTelemetry, made at its end from the times that were noted on the way.

    chat mimo-v2-flash        the whole request; events: first_token, finish
    ├── admission             reading the body, checking it, keys and limits
    ├── queue                 until the engine begins with it (local engine only)
    ├── prompt                until the first token
    └── answer                from the first token to the end

Needs the packages of `mimo[otel]`. A `traceparent` that the client sends makes them part of its trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mimo import __version__
from mimo.api.observer import Answered, Observer, Times
from mimo.telemetry.conventions import attributes, operation

_FLUSH_SECONDS = 5.0
_PARENT = TraceContextTextMapPropagator()


def to_otlp(address: str) -> TracerProvider:
    """A provider that sends spans to an OTLP receiver over HTTP, in batches, from a thread of its own.

    OpenTelemetry's own variables (OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS) hold.
    """
    resource = Resource.create({"service.version": __version__}).merge(Resource.create())
    if str(resource.attributes.get("service.name", "unknown_service")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "mimo"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    return provider


class Traces(Observer):
    """Makes the spans of every request to a protocol with a tracer of `provider`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("mimo", __version__)

    def answered(self, answered: Answered) -> None:
        if not answered.protocol:
            return
        admission = answered.admission
        name = f"{operation(answered)} {admission.model.id}" if admission else operation(answered)
        root = self._tracer.start_span(
            name,
            _context(answered.traceparent),
            kind=SpanKind.SERVER,
            attributes=attributes(answered),
            start_time=_nanoseconds(answered.began),
        )
        if answered.settlement is not None:
            times = answered.settlement.times
            inside = set_span_in_context(root)
            for part, begun, ended in _parts(times):
                span = self._tracer.start_span(part, inside, start_time=_nanoseconds(answered.began + begun))
                span.end(_nanoseconds(answered.began + ended))
            if times.first_token is not None:
                root.add_event("first_token", timestamp=_nanoseconds(answered.began + times.first_token))
            if answered.settlement.finish:
                reasons = {"reasons": list(answered.settlement.finish)}
                root.add_event("finish", reasons, _nanoseconds(answered.began + times.ended))
        if answered.status >= 500:
            root.set_status(StatusCode.ERROR)
        root.end(_nanoseconds(answered.began + answered.seconds))

    async def close(self) -> None:
        """Send what waits, for a few seconds at the most."""
        try:
            await asyncio.wait_for(asyncio.to_thread(self._provider.shutdown), _FLUSH_SECONDS)
        except TimeoutError:
            return


def _parts(times: Times) -> Iterator[tuple[str, float, float]]:
    """(name, begin, end) of what a request went through, as far as it came."""
    yield "admission", 0.0, times.admitted
    if times.submitted is None:
        return
    if times.begun is not None:
        yield "queue", times.submitted, max(times.begun, times.submitted)
    if times.first_token is not None:
        yield "prompt", max(times.begun or 0.0, times.submitted), times.first_token
        yield "answer", times.first_token, times.ended


def _context(traceparent: str | None) -> Context | None:
    return _PARENT.extract({"traceparent": traceparent}) if traceparent else None


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
