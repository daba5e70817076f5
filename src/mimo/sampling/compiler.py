"""How functions are compiled here: three dialects, why each is safe; and the one instruction Python has no word for.

`contract` lets a * b + c become one fused operation. `reassoc` and `nsz` let a sum run in several lanes; the order is
fixed when compiled, so the same machine gives the same bits every time. Never `nnan` or `ninf`: infinities are data.
The functions are parts of one kernel and cannot be called from Python, which halves the time to compile them.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from collections.abc import Callable
from typing import Any, TypeVar, cast

from llvmlite import binding
from numba import config, njit, types
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])
PART: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def _use_wide_vectors() -> None:
    """Vectors of 512 bits where the processor has them: LLVM prefers 256, which costs a pass over a row half as much
    again. For numba as a whole, before anything is compiled; NUMBA_CPU_FEATURES stands."""
    try:
        features = binding.get_host_cpu_features()
    except RuntimeError:  # not known for this processor
        return
    if config.CPU_FEATURES is None and features.get("avx512f"):  # type: ignore[attr-defined]  # read from the environment
        config.CPU_FEATURES = f"{features.flatten()},-prefer-256-bit"  # type: ignore[attr-defined]  # as above


_use_wide_vectors()


def compiled(function: F) -> F:
    """Strict IEEE arithmetic in the order written."""
    return cast(F, njit(**PART)(function))


def fused(function: F) -> F:
    """Multiply and add may be fused: for the polynomials."""
    return cast(F, njit(**PART, fastmath={"contract"})(function))


def summing(function: F) -> F:
    """A loop whose sum may run in lanes."""
    return cast(F, njit(**PART, fastmath={"contract", "reassoc", "nsz"})(function))


@intrinsic
def lowest_bit(typingctx, mask):
    """The place of the lowest set bit of a uint64 that is not 0, as uint64."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], context.get_constant(types.boolean, True))

    return types.uint64(types.uint64), codegen
