"""Where the values of metrics are kept: numbers in memory that a server's processes share.

Every series has a cell for each worker, at an address that is known before the workers are forked; each writes its own
cells, and whichever is asked reads all. So nothing is sent between workers, nothing is left behind on a disk, and the
counts of a worker that died go on in its replacement. An aligned double is read and written whole, and a worker counts
on one thread. Knows no engine and no exposition format.
"""

from __future__ import annotations

import math
import mmap
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from mimo.telemetry.table import METRICS, Metric

_BYTES = 8
Labels = tuple[str, ...]
_ACROSS: Mapping[str, Callable[[Sequence[float]], float]] = {"sum": sum, "max": max, "min": min}


@dataclass(frozen=True, slots=True)
class Block:
    """The cells of one metric: where those of each series begin."""

    metric: Metric
    at: Mapping[Labels, int]


class Cells:
    """The cells of all metrics for `places` workers. `values`: those of every label."""

    def __init__(self, values: Mapping[str, tuple[str, ...]], places: int = 1) -> None:
        self.places = places
        self._blocks: dict[str, Block] = {}
        self._others = {name: known[-1] for name, known in values.items()}
        self._size = 0
        for metric in METRICS.values():
            series = product(*(dict.fromkeys(values[label]) for label in metric.labels))
            at = {labels: self._size + nth * metric.cells for nth, labels in enumerate(series)}
            self._blocks[metric.name] = Block(metric, at)
            self._size += len(at) * metric.cells
        self._all = memoryview(mmap.mmap(-1, self._size * places * _BYTES)).cast("d")
        for place in range(places):
            self.clear_gauges(place)

    def place(self, number: int) -> Place:
        """What worker `number` writes to."""
        return Place(self._of(number), self._blocks, self._others)

    def clear_gauges(self, number: int) -> None:
        """Worker `number` has ended: what it had at that moment is no more. Its counts stay."""
        mine = self._of(number)
        for block in self._blocks.values():
            if block.metric.kind == "gauge":
                for at in block.at.values():
                    mine[at] = math.nan

    def each(self, metric: Metric) -> Iterator[tuple[Labels, list[float]]]:
        """The series of a metric, over all workers. A gauge that no worker has set is left out."""
        block = self._blocks[metric.name]
        for labels, at in block.at.items():
            rows = [self._of(place)[at : at + metric.cells].tolist() for place in range(self.places)]
            if metric.kind != "gauge":
                yield labels, [sum(column) for column in zip(*rows, strict=True)]
            elif known := [value for (value,) in rows if not math.isnan(value)]:
                yield labels, [_ACROSS[metric.across](known)]

    def by_place(self, name: str) -> Iterator[tuple[int, float]]:
        """(worker, value) of a gauge without labels, of the workers that have set it."""
        (at,) = self._blocks[name].at.values()
        for place in range(self.places):
            if not math.isnan(value := self._of(place)[at]):
                yield place, value

    def _of(self, place: int) -> memoryview[float]:
        return self._all[place * self._size : (place + 1) * self._size]


@dataclass(frozen=True, slots=True)
class Counter:
    """A series that goes up."""

    cells: memoryview[float]
    at: int

    def add(self, amount: float = 1.0) -> None:
        """Count."""
        self.cells[self.at] += amount


@dataclass(frozen=True, slots=True)
class Histogram:
    """A series of counts, for each of the `buckets` and for what is above them, and their sum."""

    cells: memoryview[float]
    at: int
    buckets: tuple[float, ...]

    def observe(self, value: float) -> None:
        """Count `value` in the first bucket that it does not exceed."""
        self.cells[self.at + bisect_left(self.buckets, value)] += 1.0
        self.cells[self.at + len(self.buckets) + 1] += value


class Place:
    """The cells of one worker, to be written from its event loop. What is counted often keeps its series."""

    def __init__(self, cells: memoryview[float], blocks: Mapping[str, Block], others: Mapping[str, str]) -> None:
        self._cells = cells
        self._blocks = blocks
        self._others = others

    def counter(self, name: str, labels: Labels = ()) -> Counter:
        """A series of a counter. Label values that have no cell of their own share one."""
        return Counter(self._cells, self._at(name, labels))

    def histogram(self, name: str, labels: Labels = ()) -> Histogram:
        """A series of a histogram, likewise."""
        return Histogram(self._cells, self._at(name, labels), self._blocks[name].metric.buckets)

    def set(self, name: str, value: float, labels: Labels = ()) -> None:
        """Set a gauge."""
        self._cells[self._at(name, labels)] = value

    def _at(self, name: str, labels: Labels) -> int:
        block = self._blocks[name]
        if (found := block.at.get(labels)) is not None:
            return found
        known = [{each[nth] for each in block.at} for nth in range(len(labels))]
        named = zip(block.metric.labels, labels, known, strict=True)
        return block.at[tuple(value if value in there else self._others[label] for label, value, there in named)]
