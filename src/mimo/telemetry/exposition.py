"""The page that GET /metrics gives: the cells of all workers in the formats that Prometheus reads.

prometheus_client writes them. Its own multi-process mode is not used: it keeps files of workers that have ended.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Iterator
from functools import partial

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from mimo import __version__
from mimo.api.backend import Backend
from mimo.engines.base import EngineInfo
from mimo.telemetry.cells import Cells
from mimo.telemetry.metrics import Metrics
from mimo.telemetry.table import HIDDEN, METRICS, Metric

_OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Page:
    """What `App(metrics=…)` takes: brings the gauges up to date and writes the page."""

    def __init__(self, cells: Cells, metrics: Metrics) -> None:
        self._cells, self._metrics = cells, metrics

    async def __call__(self, backend: Backend, accept: str) -> tuple[str, bytes]:
        """(content type, page) in the form that `accept` asks for. Written in a thread: with many models it is long."""
        self._metrics.look(backend)
        info = backend.engine.info if backend.ready else None
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collected(self._cells, info))
        encode, content_type = _form(accept)
        return content_type, await asyncio.to_thread(encode, registry)


def _form(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """How to write the page. The header itself is not passed on: the library fails on versions that are none."""
    return choose_encoder(_OPENMETRICS if _OPENMETRICS.partition(";")[0] in accept else "")


class _Collected(Collector):
    def __init__(self, cells: Cells, info: EngineInfo | None) -> None:
        self._cells, self._info = cells, info

    def collect(self) -> Iterator[Family]:
        """Every metric with its series."""
        for metric in METRICS.values():
            if metric.name != HIDDEN:
                yield _family(metric, self._cells)
        yield self._build()
        yield from self._processes()

    def _build(self) -> Family:
        family = GaugeMetricFamily(
            "mimo_build_info",
            "Version of the server, and who answers; always 1.",
            labels=("version", "python", "engine", "served_model", "fingerprint"),
        )
        info = self._info
        served = (info.engine, info.model, info.fingerprint) if info else ("", "", "")
        family.add_metric((__version__, platform.python_version(), *served), 1)
        return family

    def _processes(self) -> Iterator[Family]:
        """What the system says of each worker."""
        families: dict[str, Family] = {}
        for place, pid in self._cells.by_place(HIDDEN):
            for family in ProcessCollector(pid=partial(int, pid), registry=None).collect():
                common = families.setdefault(family.name, Family(family.name, family.documentation, family.type))
                for sample in family.samples:
                    common.add_sample(sample.name, {"worker": str(place)}, sample.value)
        yield from families.values()


def _family(metric: Metric, cells: Cells) -> Family:
    series = cells.each(metric)
    if metric.kind == "counter":
        counter = CounterMetricFamily(metric.name.removesuffix("_total"), metric.help, labels=metric.labels)
        for labels, (value,) in series:
            if value or ("status" not in metric.labels and "reason" not in metric.labels):
                counter.add_metric(labels, value)
        return counter
    if metric.kind == "gauge":
        gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, (value,) in series:
            gauge.add_metric(labels, value)
        return gauge
    histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [*map(repr, map(float, metric.buckets)), "+Inf"]
    for labels, (*counts, total) in series:
        if any(counts) or "protocol" not in metric.labels:
            so_far = [sum(counts[: at + 1]) for at in range(len(counts))]
            histogram.add_metric(labels, list(zip(bounds, so_far, strict=True)), total)
    return histogram
