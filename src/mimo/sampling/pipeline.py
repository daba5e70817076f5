"""Sampler: one token for every running row, from llama.cpp's logits where they lie.

Holds the slots' parameters and the threads; what happens to a row is `kernel.py`. Knows no engine and no request.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimo.sampling import arrays, native
from mimo.sampling.allowed import expected, write_mask
from mimo.sampling.offsets import no_offsets, restart, with_capacity
from mimo.sampling.parameters import NO_TOKEN, Drawn, TokenLogprobs, Trace
from mimo.types import Constraint, Sampling

ROWS_PER_THREAD = 2
LOGITS_PER_THREAD = 2**17
"""With fewer than these for each, another thread costs more than it brings."""


class Sampler:
    """Steps of sampling over slots. A slot holds one choice; a row of logits is one slot's next-token logits.

    The order of operations, for each row, z being its raw float32 logits, ids below `valid` (contract, section 2):

    0. NaN counts as −inf. Raw log-probabilities, if wanted: log-softmax of z.
    1. Tokens the constraint disallows get −inf (a forced token ends the row here); logit_bias is added.
    2. With c(t) = how often t was sampled in this choice:
       z(t) −= frequency_penalty · c(t) + presence_penalty · [c(t) > 0].
       What 1 and 2 add is summed in float64 and rounded into z once.
    3. temperature 0: the largest z, the lowest id on a tie; 4 and 5 are skipped. Else the weights are
       exp((z − max) / temperature); if the maximum is +inf, 1 for the +inf and 0 for the rest.
    4. top_p: sorted by weight, descending, ties by lower id, the shortest prefix with at least top_p of the sum; at
       least one token; 1 keeps everything. As in float64 (`nucleus.py` says how this is had at float32's speed).
    5. The draw: the kept token, by ascending id, at which the cumulative weight passes u · sum, u being the uniform
       number of (seed, choice, step).
    6. step and c advance; the constraint takes the token.

    A row without a finite logit after step 2 gives NO_TOKEN and nothing advances for it. Not for concurrent callers.
    """

    def __init__(self, slots: int, vocabulary: int, threads: int = 2, valid: int | None = None) -> None:
        """Room for `slots` slots and rows of `vocabulary` logits; ids from `valid` on (padding) are never sampled."""
        self.vocabulary = vocabulary
        self.valid = vocabulary if valid is None else valid
        if not 0 < self.valid <= vocabulary:
            raise ValueError(f"valid must be between 1 and the vocabulary, {vocabulary}, got {valid}")
        self._choices = np.zeros(slots, arrays.CHOICE)
        self._offsets = no_offsets(slots)
        self._constraints: dict[int, Constraint] = {}
        self._masks = np.zeros((slots, 0), np.uint32)
        self._wanting: set[int] = set()
        self._rules, self._free = np.zeros(slots, np.int32), np.full(slots, arrays.FREE, np.int32)
        self._results = np.zeros(slots, arrays.RESULT)
        self._rooms = [arrays.room(self.valid) for _ in range(threads)]
        self._threads = ThreadPoolExecutor(threads - 1, "sampler") if threads > 1 else None
        self._room_addresses = [_addresses(*room) for room in self._rooms]
        self._sample_rows = native.load()
        self._find_arrays()

    def begin(self, slot: int, sampling: Sampling, choice: int = 0, constraint: Constraint | None = None) -> None:
        """Choice number `choice` (0 … 2^32 − 1) of a request starts in this slot: step 0, nothing counted.

        ValueError: a biased id outside the vocabulary. The contract's ranges are not checked here.
        """
        self.end(slot)
        bias: dict[int, float] = {}
        for token, amount in sampling.logit_bias:
            if not 0 <= token < self.vocabulary:
                raise ValueError(f"logit_bias: token id must be between 0 and {self.vocabulary - 1}, got {token}")
            if token < self.valid:
                bias[token] = bias.get(token, 0.0) + amount
        self._make_room(len(bias) + 1)
        restart(self._offsets, slot, bias)
        self._choices[slot] = (
            sampling.temperature,
            sampling.top_p,
            sampling.frequency_penalty,
            sampling.presence_penalty,
            sampling.seed,
            choice,
            0,
            -1 if sampling.logprobs is None else sampling.logprobs,
            len(bias),
        )
        if sampling.logprobs is not None:
            self._wanting.add(slot)
        if constraint is not None:
            self._constraints[slot] = constraint
            if not self._masks.shape[1]:
                self._masks = np.zeros((len(self._masks), (self.vocabulary + 31) // 32), np.uint32)
                self._find_arrays()

    def end(self, slot: int) -> None:
        """The choice in this slot is over. A slot that holds none is fine."""
        self._constraints.pop(slot, None)
        self._wanting.discard(slot)

    def expected(self, slot: int) -> Sequence[int]:
        """What the slot's constraint expects next (`allowed.expected`)."""
        return expected(self._constraints.get(slot))

    def sample(self, logits: NDArray[np.float32], slots: NDArray[np.int32] | Sequence[int]) -> Drawn:
        """One step: logits float32 [rows, vocabulary], row i belonging to slots[i], all different. logits is changed.

        ValueError if the logits are not such an array, contiguous and writable, or a constraint's answer is none.
        """
        rows = np.asarray(slots, np.int32)
        self._check(logits, rows)
        if self._run(logits, rows, keep=True):
            self._make_room(self._offsets.ids.shape[1] + 1)
        tokens: list[int] = self._results["token"][: len(rows)].tolist()
        if not self._constraints and not self._wanting:
            return Drawn(tokens, {})
        logprobs = {}
        for i, (slot, token) in enumerate(zip(rows.tolist(), tokens, strict=True)):
            if token == NO_TOKEN:
                continue
            if slot in self._constraints:
                self._constraints[slot].accept(token)
            if slot in self._wanting:
                logprobs[i] = self._logprobs(i)
        return Drawn(tokens, logprobs)

    def trace(self, row: NDArray[np.float32], slot: int) -> Trace:
        """What `sample` would do to this row, float32 [vocabulary], which is not changed; nor does anything advance."""
        z = np.array(row, np.float32, ndmin=2)
        rows = np.array([slot], np.int32)
        self._check(z, rows)
        self._run(z, rows, keep=False)
        adjusted, result = z[0, : self.valid], self._results[0]
        adjusted[np.isnan(adjusted)] = -np.inf
        token, uniform, edge_id = int(result["token"]), float(result["uniform"]), int(result["edge_id"])
        if token == NO_TOKEN:
            return Trace(adjusted, np.zeros(0, np.int64), np.zeros(0), uniform, token)
        temperature = float(self._choices["temperature"][slot])
        if temperature == 0.0 or edge_id == NO_TOKEN:
            return Trace(adjusted, np.array([token]), np.ones(1), uniform, token)
        at_edge = (adjusted == result["edge_value"]) & (np.arange(self.valid) <= edge_id)
        ids = np.flatnonzero((adjusted > result["edge_value"]) | at_edge)
        with np.errstate(over="ignore"):
            weights = np.exp((adjusted[ids].astype(np.float64) - float(adjusted.max())) / temperature)
        return Trace(adjusted, ids, weights / weights.sum(), uniform, token)

    def _check(self, logits: NDArray[np.float32], rows: NDArray[np.int32]) -> None:
        flags = logits.flags
        if logits.dtype != np.float32 or not (flags.c_contiguous and flags.writeable and flags.aligned):
            raise ValueError("logits must be contiguous, writable float32")
        if logits.shape != (len(rows), self.vocabulary) or len(rows) > len(self._rules):
            raise ValueError(f"logits must be [{len(rows)}, {self.vocabulary}], got {list(logits.shape)}")

    def _run(self, logits: NDArray[np.float32], rows: NDArray[np.int32], keep: bool) -> bool:
        """The kernel over all rows, cut into one part per thread. True when an offset list is full."""
        rules = self._free
        if self._constraints:
            rules = self._rules
            for i, slot in enumerate(rows.tolist()):
                rules[i] = self._rule(slot)
        enough = max(ROWS_PER_THREAD, LOGITS_PER_THREAD // self.valid)
        parts = min(len(self._rooms), max(1, len(rows) // enough))
        ends = [len(rows) * k // parts for k in range(parts + 1)]

        begin = _addresses(logits, rows)
        sizes = (*self._offsets.ids.shape, self._masks.shape[1])
        slots = self._free_addresses if rules is self._free else self._ruled_addresses

        def part(k: int) -> bool:
            numbers = (ends[k], ends[k + 1], keep, self.vocabulary, self.valid, *sizes)
            return self._sample_rows(*begin, *numbers, *slots, *self._room_addresses[k])

        if parts == 1 or self._threads is None:
            return part(0)
        others = [self._threads.submit(part, k) for k in range(1, parts)]
        full = part(0)
        return any([other.result() for other in others]) or full

    def _rule(self, slot: int) -> int:
        """Ask the slot's constraint: FREE, MASKED (the mask is then in the slot's words) or the forced token's id."""
        constraint = self._constraints.get(slot)
        allowed = constraint.allowed() if constraint is not None else None
        if allowed is None:
            return arrays.FREE
        if isinstance(allowed, np.ndarray):
            write_mask(allowed, self._masks[slot])
            return arrays.MASKED
        if not 0 <= allowed < self.valid:
            raise ValueError(f"a forced token must be between 0 and {self.valid - 1}, got {allowed}")
        return int(allowed)

    def _logprobs(self, i: int) -> TokenLogprobs:
        result = self._results[i]
        size = int(result["top_size"])
        top = zip(result["top_ids"][:size].tolist(), result["top_logprobs"][:size].tolist(), strict=True)
        return TokenLogprobs(float(result["logprob"]), tuple(top))

    def _make_room(self, wanted: int) -> None:
        capacity = self._offsets.ids.shape[1]
        if wanted > capacity:
            self._offsets = with_capacity(self._offsets, max(wanted, 2 * capacity))
            self._find_arrays()

    def _find_arrays(self) -> None:
        """Note where the arrays of the slots lie: to ask for an address costs as much as to pass ten."""
        slots = _addresses(self._choices, self._masks, self._results, *self._offsets)
        self._free_addresses, self._ruled_addresses = (
            (*_addresses(rules), *slots) for rules in (self._free, self._rules)
        )


def _addresses(*arrays: NDArray[Any]) -> tuple[int, ...]:
    return tuple(array.__array_interface__["data"][0] for array in arrays)


def warm() -> None:
    """Load the kernel, or compile it first; while a model loads, say. Later calls cost nothing."""
    sampler = Sampler(slots=1, vocabulary=8, threads=1)
    sampler.begin(0, Sampling(0.0, 0.0, 0.0, 0.0, 0, (), None))
    sampler.sample(np.zeros((1, 8), np.float32), [0])
