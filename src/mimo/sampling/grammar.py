"""Step 1, the allowed set: what a constraint is, and how its bitmask is laid over a row.

Knows no grammar: JSON, tool calls and the forced end of thinking implement `Constraint` elsewhere.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Constraint(Protocol):
    """Says before every step of a choice what may be sampled, and is told after it what was."""

    def allowed(self) -> int | NDArray[np.uint32] | None:
        """None: everything. An int: that token is forced. An array: uint32 [ceil(vocabulary / 32)], token t is allowed
        when bit t % 32 of word t // 32 is set; it is copied before this method is called again."""
        ...

    def accept(self, token: int) -> None:
        """`token` was sampled. Not called for NO_TOKEN."""
        ...


def write_mask(mask: NDArray[np.uint32], words: NDArray[np.uint32]) -> None:
    """Copy a constraint's mask to its slot's words, uint32 [ceil(vocabulary / 32)]; ValueError if it is none."""
    if mask.shape != words.shape or mask.dtype != np.uint32:
        raise ValueError(f"an allowed set must be uint32 {list(words.shape)}, got {mask.dtype} {list(mask.shape)}")
    words[:] = mask
