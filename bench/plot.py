"""Throughput against streams as a small picture. Knows matplotlib and the results; measures nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.engines import BARE, LLAMA, OURS, VLLM
from bench.rounds import middle

_COLOURS = {BARE: "#9aa0a6", OURS: "#d9480f", LLAMA: "#1c7ed6", VLLM: "#2b8a3e"}


def draw(results: Mapping[str, Any], path: Path) -> None:
    """One panel a model: tokens per second of each engine, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter, StrMethodFormatter

    panels = results["streams"]
    figure, axes = pyplot.subplots(1, len(panels), figsize=(4.2 * len(panels), 3.2), squeeze=False)
    for axis, (name, found) in zip(axes[0], panels.items(), strict=True):
        rates = found["rates"]
        for engine, colour in _COLOURS.items():
            points = [(int(streams), middle(one[engine])) for streams, one in rates.items() if engine in one]
            if points:
                label = "forward pass alone" if engine == BARE else engine
                axis.plot(*zip(*points, strict=True), "o-", color=colour, label=label, markersize=3, linewidth=1.2)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xticks([int(streams) for streams in rates])
        axis.xaxis.set_major_formatter(ScalarFormatter())
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("streams", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.25, which="both", linewidth=0.4)
    axes[0][0].set_ylabel("tokens per second", fontsize=8)
    axes[0][0].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
