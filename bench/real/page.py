"""Results on real weights → tables, targets and a picture. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.real.servers import LLAMA, LLAMA_SAME, OURS, SAME
from bench.rounds import middle, ratios
from bench.tables import number, table
from bench.targets import Target

Found = Mapping[str, Any]
_COLOURS = ("#d9480f", "#e8590c", "#f59f00", "#1c7ed6", "#74c0fc")
_MEANING = "tokens/s · first token, median / 99th percentile, ms · 99th percentile between tokens, ms"


def tables_of(results: Found) -> str:
    """One table a model, and one for second turns, a busy machine and memory."""
    parts = [_MEANING]
    for model, found in results["real"].items():
        names = list(next(iter(found["points"].values())))
        rows = [(point, *(_cell(series[name]) for name in names)) for point, series in found["points"].items()]
        parts.append(f"**{model}**\n\n{table(('streams × prompt', *names), rows)}")
        more = [
            ("second turn, first token, ms", *(number(1e3 * middle(found["turns"][name])) for name in names)),
            (
                "two busy loops a core at once, one stream, tokens/s",
                *(number(_middle(found["busy"][name], "rate")) if name in found["busy"] else "" for name in names),
            ),
            ("memory idle, MB", *(number(found["idle"][name]) for name in names)),
            ("memory after all of it, MB", *(number(found["memory"][name]) for name in names)),
        ]
        parts.append(table(("", *names), more))
    return "\n\n".join(parts)


def _cell(series: list[dict[str, float]]) -> str:
    first, late, gap = (number(1e3 * _middle(series, key)) for key in ("first", "first p99", "gap p99"))
    return f"{number(_middle(series, 'rate'))} · {first} / {late} · {gap}"


def _middle(series: list[dict[str, float]], key: str) -> float:
    return middle([figures[key] for figures in series])


_POINTS = (
    ("rate", 1, 1.05, "tokens/s, 1 stream", False),
    ("rate", 8, 1.25, "tokens/s, 8 streams", False),
    ("rate", 32, 1.25, "tokens/s, 32 streams", False),
    ("first", 1, 1.0, "first token, 1 stream", True),
    ("first p99", 8, 0.9, "first token p99, 8 at once", True),
    ("first p99", 32, 0.9, "first token p99, 32 at once", True),
)


def targets_of(real: Found) -> Iterator[Target]:
    """Ours ÷ llama-server: as both come for one stream, with the same slots for more; by model and prompt."""
    for model, found in real.items():
        for key, streams, wanted, what, at_most in _POINTS:
            ours, theirs = (OURS, LLAMA) if streams == 1 else (SAME, LLAMA_SAME)
            for point, series in found["points"].items():
                count, _, size = point.partition(" × ")
                if int(count) != streams or (key == "rate" and size != "32"):
                    continue
                name = f"{model}: {what}, prompt of {size}, ÷ llama-server"
                yield Target(name, wanted, _ratio(series[ours], series[theirs], key), at_most)
        turns = found["turns"]
        yield Target(f"{model}: second turn, ÷ llama-server", 1.0, middle(ratios(turns[OURS], turns[LLAMA])), True)
        idle = found["idle"][SAME] - found["idle"][LLAMA_SAME]
        yield Target(f"{model}: memory idle, above llama-server's, same slots, MB", 150, idle, True)


def _ratio(ours: list[dict[str, float]], theirs: list[dict[str, float]], key: str) -> float:
    return middle(ratios([figures[key] for figures in ours], [figures[key] for figures in theirs]))


def draw(real: Found, path: Path) -> None:
    """One panel a model: tokens per second of each server with short prompts, by streams."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(real), figsize=(3.6 * len(real), 3.2), squeeze=False)
    for axis, (model, found) in zip(axes[0], real.items(), strict=True):
        short = {int(point.split()[0]): series for point, series in found["points"].items() if point.endswith(" 32")}
        for name, colour in zip(next(iter(short.values())), _COLOURS, strict=False):
            rates = [_middle(series[name], "rate") for series in short.values()]
            axis.plot(list(short), rates, "o-", color=colour, label=name, markersize=3, linewidth=1.2)
        axis.set_xscale("log", base=2)
        axis.set_xticks(list(short), [str(count) for count in short])
        axis.set_ylim(bottom=0)
        axis.set_title(model, fontsize=9)
        axis.set_xlabel("streams", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.25, linewidth=0.4)
    axes[0][0].set_ylabel("tokens per second, prompts of 32", fontsize=8)
    axes[0][0].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
