"""How functions are compiled here: three dialects, why each is safe; and the one instruction Python has no word for.

`contract` lets a * b + c become one fused operation. `reassoc` and `nsz` let a sum run in several lanes; the order is
fixed when compiled, so the same machine gives the same bits every time. Never `nnan` or `ninf`: infinities are data.
The functions are parts of one kernel and cannot be called from Python, which halves the time to compile them.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit, types
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])
PART: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


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
