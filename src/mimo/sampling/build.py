"""The kernel as machine code of this processor: `python -m mimo.sampling.build` writes an object file to its output.

The compiler (numba) takes ten seconds and much memory, so it runs in a process of its own, once a machine; `native.py`
starts it and keeps what it writes. The function inside takes addresses and sizes, as C would.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import sys

from llvmlite import binding
from numba import carray, from_dtype, njit, types  # type: ignore[attr-defined]  # made when numba is imported

from mimo.sampling.arrays import BINS, BLOCK, CHOICE, RESULT
from mimo.sampling.compiler import PART
from mimo.sampling.kernel import sample_rows, scratch_of
from mimo.sampling.native import NAME
from mimo.sampling.offsets import Offsets

_INT = types.int64
_AT32, _AT_FLOAT, _AT_DOUBLE, _AT_WORD = map(types.CPointer, (types.int32, types.float32, types.float64, types.uint32))
_AT_CHOICE, _AT_RESULT = (types.CPointer(from_dtype(dtype)) for dtype in (CHOICE, RESULT))
ARGUMENTS = {
    "logits": _AT_FLOAT, "slots": _AT32, "first": _INT, "end": _INT, "keep": _INT, "vocabulary": _INT, "valid": _INT,
    "count": _INT, "capacity": _INT, "words": _INT, "rules": _AT32, "choices": _AT_CHOICE, "masks": _AT_WORD,
    "results": _AT_RESULT, "ids": _AT32, "counts": _AT32, "biases": _AT_DOUBLE, "amounts": _AT_DOUBLE,
    "blocks": _AT_FLOAT, "partial": _AT_DOUBLE, "bins": _AT_DOUBLE, "taken_ids": _AT32, "taken_values": _AT_FLOAT,
    "taken_weights": _AT_DOUBLE,
}  # fmt: skip
"""What `entry` takes. `count`: slots; `capacity`: ids in a list of offsets; `words`: of a mask; the rest are arrays."""


def entry(
    logits, slots, first, end, keep, vocabulary, valid, count, capacity, words, rules, choices, masks, results,
    ids, counts, biases, amounts, blocks, partial, bins, taken_ids, taken_values, taken_weights,
):  # fmt: skip
    """`kernel.sample_rows` on the arrays at these addresses."""
    lists = (count, capacity)
    offsets = Offsets(carray(ids, lists), carray(counts, lists), carray(biases, lists), carray(amounts, lists))
    read = (valid + BLOCK - 1) // BLOCK
    room = scratch_of(
        carray(blocks, (4, read)),
        carray(partial, (read + 1,)),
        carray(bins, (BINS,)),
        carray(taken_ids, (2, valid + 1)),
        carray(taken_values, (3, valid + 1)),
        carray(taken_weights, (2, valid + 1)),
    )
    return sample_rows(
        carray(logits, (end, vocabulary)), carray(slots, (end,)), first, end, valid, keep != 0,
        carray(rules, (end,)), carray(choices, (count,)), carray(masks, (count, words)), carray(results, (end,)),
        offsets, room,
    )  # fmt: skip


def built() -> bytes:
    """The object file, in which `entry` is called `NAME`."""
    function = njit(nogil=True, **PART)(entry)
    function.compile(tuple(ARGUMENTS.values()))
    (compiled,) = function.overloads.values()
    library = compiled.library
    text = str(library._final_module).replace(compiled.fndesc.mangled_name, NAME)
    # nothing here owns memory, so that it is never called; numba's own is not there when the code runs
    text = text.replace("NRT_MemInfo_call_dtor", "abort")
    code: bytes = library.codegen._tm.emit_object(binding.parse_assembly(text))
    return code


if __name__ == "__main__":
    sys.stdout.buffer.write(built())
