"""From logits to tokens: the sampling parameters, applied exactly, to all running rows at once.

Knows logits, token ids and, of the rest of the package, `types` alone. Importing it is cheap: what runs machine code
(llvmlite) is imported when `Sampler` or `warm` is first asked for, and the compiler (numba) by `build.py` alone, in a
process of its own. The files, in the order a token passes them:

    parameters.py  what a step gives: plain values
    pipeline.py    Sampler: the slots, the threads, and the numbered order of operations
    kernel.py      that order for one row, compiled; arrays.py, offsets.py: what it works on; compiler.py: how it is
                   compiled; build.py: machine code of it; native.py: which is kept in a file, loaded and called
    logprobs.py    0    raw log-probabilities, taken before anything is changed
    allowed.py     1    the set a constraint allows; mask.py: laid over a row
    penalties.py   1, 2 logit_bias and penalties, as one sparse list per slot
    weights.py     3    the passes over a row: block maxima, exp((z - max) / temperature), their sums
    nucleus.py     4    top_p: the exact kept set without a sort of the row; edge.py: where it ends
    draw.py        5    the counter-based random number and the draw
"""

from typing import TYPE_CHECKING, Any

from mimo.sampling.parameters import NO_TOKEN, Drawn, TokenLogprobs, Trace
from mimo.types import Constraint

if TYPE_CHECKING:
    from mimo.sampling.pipeline import Sampler, warm

__all__ = ["NO_TOKEN", "Constraint", "Drawn", "Sampler", "TokenLogprobs", "Trace", "warm"]


def __getattr__(name: str) -> Any:
    if name not in ("Sampler", "warm"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mimo.sampling import pipeline

    return getattr(pipeline, name)
