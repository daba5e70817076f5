"""A loaded model and its context: rows of (token, position, sequence) in, one row of logits for each asked one out.

It owns the native memory. It knows nothing of requests; the scheduler decides what is decoded when. Only one thread
may use it at a time.
"""

from __future__ import annotations

import ctypes as c
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mimo.contract.errors import EngineError
from mimo.engines.local.memory import Memory, cache_limit, check_fits, usable_memory
from mimo.engines.local.runs import borders, embeddings, is_whole, places
from mimo.engines.local.threads import Threads
from mimo.heap import trim
from mimo.llamacpp.cells import drop_zeros
from mimo.llamacpp.gguf import Header, read_header
from mimo.llamacpp.library import Batch, ContextParams, Library, ModelParams, ProgressCallback
from mimo.llamacpp.mtmd import Projector
from mimo.llamacpp.sizes import sizes, unread
from mimo.llamacpp.towers import check_towers
from mimo.llamacpp.untouched import give_back, untouched
from mimo.tokenizers.gguf import Vocabulary
from mimo.tokenizers.load import MIMO

_F32, _F16 = 0, 1
_FOR_ANY_ROWS = frozenset({0, 1, 2, 8, 30})
"""F32, F16, Q4_0, Q8_0, BF16: weights whose kernels give a row the same bits with one other row or with a hundred. The
fast kernels for the other types depend on the number of rows; `tests/engines/local/test_other_models.py` holds both."""

_EVERY_KIND = f"Hello, w\u00f6rld!\n\t 12 \u4e2d\U0001f600 {bytes(range(1, 128)).decode()} <|im_end|>"
"""Text that makes a tokenizer use what it must have: letters, digits, white space, bytes of every kind."""

JOINED = 64
"""Whole chunks of a multiple of so many tokens have the same bits in one call as in calls of their own: attention is
computed by tiles of so many rows."""
FORCED = "forced"
"""The guesses that are made without being asked for."""
OUTPUTS = 64
"""Rows of a prompt whose logits are read at once: 39 MB for a vocabulary of 152,000, not resident before they are."""
_MANY_CELLS = 1 << 18
"""Tokens that a cache can hold whose bookkeeping, 10 MB of zeros, is worth a look for it."""
MOST_TOKENS = 512
"""Tokens of the largest call: more of a prompt at once gains nothing."""
LONG = 0.003
"""Seconds that `threads` would take over a call: from here on it is worth the core that was left to the server, which
waits for a moment in so long a call rather than in every one."""


class DecodeCall(NamedTuple):
    """One call of llama.cpp: the sequence of every row, whether it was a step (one row a sequence) or a prompt's chunk,
    the threads that computed it, and the seconds it took."""

    slots: tuple[int, ...]
    step: bool
    threads: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How to hold a model in memory.

    `slots`: sequences at once (at least 2). `context_window`: tokens of each sequence, refused above the model's own;
    0 for the model's own, and then at most `default_window`, where that is not 0.
    `chunk`: prompt tokens a decode call; with batch invariance also the grain of prefix reuse.
    `gpu_layers` −1: all that fit, on a GPU build.
    `threads` at most compute a short call, and `long_threads`, where there are more, one of more than `LONG` seconds;
    as many of them as gain by it (`threads.py`). Without `long_threads`, always `threads`.
    `draft`: who guesses tokens ahead, a name of `drafts.DRAFTS`.
    `any_rows`: use no kernel whose result depends on how many rows a call has, one row apart.
    `memory_limit`: bytes it may take with every window full; None: what the machine has.
    `prompt_cache`: bytes for prompts that no slot holds any more; None: as `memory.cache_limit` finds right.
    `rest_seconds`: after so long without work memory is given back.
    `observer` sees every call of llama.cpp, in the scheduler's thread; `clock` (seconds of
    processor time of the calling thread) says which are long: on a busy machine the time on the wall is mostly that of
    others. `wall` (seconds) says what another thread gains.
    """

    slots: int = 8
    context_window: int = 0
    default_window: int = 0
    chunk: int = 64
    threads: int = 1
    long_threads: int = 0
    gpu_layers: int = -1
    f32_cache: bool = False
    any_rows: bool = False
    draft: str = FORCED
    memory_limit: int | None = None
    prompt_cache: int | None = None
    rest_seconds: float = 10.0
    observer: Callable[[DecodeCall], None] | None = None
    clock: Callable[[], float] = time.thread_time
    wall: Callable[[], float] = time.perf_counter


class LocalModel:
    """Weights, KV cache and the batch buffers."""

    def __init__(
        self, library: Library, path: Path, options: ModelOptions, on_progress: Callable[[float], bool] | None = None
    ) -> None:
        """Load `path`. `on_progress` gets the share loaded, 0–1, and says whether to go on. Raises `EngineError`: the
        file and why."""
        self._library = library
        self._context: int | None = None
        self.options = options
        self.header: Header = read_header(library, path)
        Library.busy_with = f"loading {path}"
        library.errors.clear()
        self.slots = max(2, options.slots)
        self.outputs = max(self.slots, min(options.chunk, OUTPUTS))
        self.memory: Memory = self._planned(path)
        self._model = self._load(path, on_progress)
        try:
            self._open(path)
        except BaseException:
            self.close()
            raise
        Library.busy_with = f"running {path}"

    def _planned(self, path: Path) -> Memory:
        """What it will take; an `EngineError` where that is more than there is. Weights on a GPU are not counted."""
        library, options = self._library, self.options
        with unread(library, path, self._model_params()) as model:
            if not model:
                raise self._refused(path)
            window = self._wanted_window(path, library.llama_model_n_ctx_train(model))
            cache, compute = sizes(library, model, self._context_params(window))
            weights = library.llama_model_size(model)
        memory = Memory(weights, cache // self.slots, self.slots, window, compute)
        limit = usable_memory() if options.memory_limit is None else options.memory_limit
        if options.memory_limit is not None or not library.llama_supports_gpu_offload():
            check_fits(path, memory, limit)
        self.prompt_cache = cache_limit(options.prompt_cache, memory, limit)
        return memory

    def _model_params(self) -> ModelParams:
        params: ModelParams = self._library.llama_model_default_params()
        params.n_gpu_layers = self.options.gpu_layers
        if self.options.any_rows and not self.header.types <= _FOR_ANY_ROWS:
            params.use_extra_bufts = False
            os.environ["GGML_CPU_TILED_MM"] = "0"  # read at the first product of the process
        return params

    def _refused(self, path: Path) -> EngineError:
        return EngineError(f"{path}: {'; '.join(self._library.errors) or 'llama.cpp cannot load it'}")

    def _load(self, path: Path, on_progress: Callable[[float], bool] | None) -> int:
        def report(share: float, _: object) -> bool:
            return on_progress is None or on_progress(share)

        params = self._model_params()
        params.progress_callback = keep = ProgressCallback(report)
        model: int | None = self._library.llama_model_load_from_file(str(path).encode(), params)
        del keep
        if not model:
            raise self._refused(path)
        return model

    def _open(self, path: Path) -> None:
        library, options, model = self._library, self.options, self._model
        if library.llama_model_has_encoder(model):
            raise EngineError(f"{path}: an encoder-decoder model ({self.header.architecture}) cannot be served")
        try:
            self.tokenizer = Vocabulary(library, model)
        except EngineError as problem:
            raise EngineError(f"{path}: {problem}") from None
        self.rewindable = not (library.llama_model_is_recurrent(model) or library.llama_model_is_hybrid(model))
        """Whether tokens can be taken back from the end of a sequence; recurrent state cannot be rewound."""
        on_gpu = options.gpu_layers != 0 and library.llama_supports_gpu_offload()
        self.exact = not on_gpu and (options.any_rows or not self.rewindable or self.header.types <= _FOR_ANY_ROWS)
        """Whether a row of a step can have the same bits in any company; where there is recurrent state, in none."""
        self.cuttable = self.rewindable and not library.llama_model_n_swa(model)
        """Whether tokens can be taken back from a copy of a sequence; of sliding windows it has only the last."""
        wanted = self.memory.window
        with untouched(library) as self._buffers:
            self._context = library.llama_init_from_model(model, self._context_params(wanted))
        if not self._context:
            raise EngineError(
                f"{path}: no memory for {self.slots} sequences of {wanted} tokens; try fewer slots or a smaller "
                f"context window ({'; '.join(library.errors)})"
            )
        if (cells := library.llama_n_ctx_seq(self._context)) * self.slots >= _MANY_CELLS:
            drop_zeros(cells, self._buffers)
        self._memory = library.llama_get_memory(self._context)
        self.context_window: int = min(library.llama_n_ctx_seq(self._context), wanted)
        self.threads = options.threads
        """How many computed the last call."""
        self._chooser = Threads(options.wall)
        self._spent: dict[int, float] = {}  # seconds of one thread that a call took of late, by the bits of its rows
        self._mrope = False
        self._logits_address = 0
        self._no_logits = self._logits = np.empty((0, self.tokenizer.vocabulary), np.float32)
        self._make_batch(self._most_rows)

    def _wanted_window(self, path: Path, trained: int) -> int:
        """Tokens of each sequence, of a model that was trained on `trained`."""
        options = self.options
        if options.context_window > trained:
            raise EngineError(
                f"{path}: context_window must be at most {trained}, the model's own, got {options.context_window}"
            )
        return options.context_window or min(options.default_window or trained, trained)

    @property
    def _most_rows(self) -> int:
        """Of one call."""
        return max(self.options.chunk, self.slots, MOST_TOKENS)

    def _context_params(self, window: int) -> ContextParams:
        options, slots = self.options, self.slots
        params: ContextParams = self._library.llama_context_default_params()
        params.n_seq_max = slots
        params.n_outputs_max = self.outputs
        params.n_ctx = window * slots
        params.n_batch = params.n_ubatch = self._most_rows
        params.n_threads = params.n_threads_batch = options.threads
        params.type_k = params.type_v = _F32 if options.f32_cache else _F16
        params.flash_attn_type = 0 if options.f32_cache else -1
        params.kv_unified, params.swa_full = False, True
        return params

    def _make_batch(self, rows: int) -> None:
        self._tokens = np.zeros(rows, np.int32)
        self._positions = np.zeros(4 * rows, np.int32)  # of embeddings in a model with M-RoPE there are four
        self._wanted = np.zeros(rows, np.int8)
        self._ones = np.ones(rows, np.int32)
        self._sequences = np.zeros(rows, np.int32)
        size = self._sequences.itemsize
        self._sequence_pointers = self._sequences.ctypes.data + size * np.arange(rows, dtype=np.uintp)
        self._batch = Batch(
            0,
            self._tokens.ctypes.data,
            None,
            self._positions.ctypes.data,
            self._ones.ctypes.data,
            self._sequence_pointers.ctypes.data,
            self._wanted.ctypes.data,
        )

    def first_token(self) -> None:
        """Compute as a request would: text of every kind to tokens, and logits for what follows. Raises `EngineError`
        when they are no numbers."""
        tokens = self.tokenizer.encode(_EVERY_KIND)[: self.options.chunk]
        self.try_out(tokens if len(tokens) > 1 else [0, 0])

    def try_out(self, tokens: Sequence[int]) -> None:
        """Compute the logits of what follows `tokens`. Raises `EngineError` when they are no numbers."""
        logits = self.decode_prompt(0, tokens, 0, last=True)
        if not np.isfinite(logits).any() or np.isnan(logits).any():
            raise EngineError("its weights or its header are damaged: the logits of the first token are no numbers")
        self.clear()

    @property
    def name(self) -> str:
        """What the file calls itself, else llama.cpp's description."""
        buffer = c.create_string_buffer(256)
        self._library.llama_model_desc(self._model, buffer, 256)
        return self.header.name or buffer.value.decode(errors="replace")

    @property
    def chat_template(self) -> str | None:
        """The file's own template, "" where it brings none; None for MiMo's own architecture, whose format is ours."""
        if self.header.architecture in MIMO:
            return None
        template: bytes | None = self._library.llama_model_chat_template(self._model, None)
        return (template or b"").decode(errors="replace")

    def decode_prompt(
        self,
        slot: int,
        tokens: Sequence[int],
        position: int,
        *,
        index: int | None = None,
        last: bool = False,
        rows: range | None = None,
        steady: bool = False,
        step: bool = False,
    ) -> NDArray[np.float32]:
        """Decode a chunk of one sequence from `position` on; logits [1, vocabulary] if `last`, else [0, vocabulary], or
        those of `rows` of it, at most `outputs`. `index`: how many tokens of the prompt are before it, where that is
        not the position. `steady`: a single row has the same bits every time; `step`: it is no prompt but what an
        answer goes on with."""
        if min(tokens) < 0:
            return self._decode_runs(slot, tokens, position, position if index is None else index, last, steady)
        self._tokens[: len(tokens)] = tokens
        return self._decode_chunk(slot, _from(position, len(tokens)), last, rows, steady, step)

    def _decode_chunk(
        self, slot: int, positions: NDArray[np.int32], last: bool, rows: range | None, steady: bool, step: bool
    ) -> NDArray[np.float32]:
        """Decode the rows in the batch, of one sequence, at `positions` [count], or [4, count] for M-RoPE."""
        count = positions.shape[-1]
        self._positions[: positions.size] = positions.reshape(-1)
        self._sequences[:count] = slot
        self._wanted[:count] = 0
        wanted = rows or range(count - last, count)
        self._wanted[wanted.start : wanted.stop] = 1
        return self._decode(count, len(wanted), step=step, steady=steady)

    def _decode_runs(
        self, slot: int, tokens: Sequence[int], position: int, index: int, last: bool, steady: bool
    ) -> NDArray[np.float32]:
        """As `decode_prompt`, with rows of media among `tokens`; a call holds ids or embeddings, never both."""
        logits, first = self._no_logits, 0
        for stop in borders(tokens, index, self.options.chunk):
            run, ends = tokens[first:stop], last and stop == len(tokens)
            if run[0] >= 0:
                logits = self.decode_prompt(slot, run, position, last=ends, steady=steady)
                position += len(run)
            else:
                logits, position = self._decode_rows(slot, run, position, ends, steady)
            first = stop
        return logits

    def _decode_rows(
        self, slot: int, rows: Sequence[int], position: int, last: bool, steady: bool
    ) -> tuple[NDArray[np.float32], int]:
        """As `decode_prompt`, of rows of media; and the position after them."""
        if self._mrope:
            positions, after = places(rows, position)
        else:
            positions, after = _from(position, len(rows)), position + len(rows)
        values, whole = embeddings(rows), is_whole(rows)
        self._batch.token, self._batch.embd = None, values.ctypes.data
        if whole:
            self._library.llama_set_causal_attn(self._context, False)
        try:
            return self._decode_chunk(slot, positions, last, None, steady, step=False), after
        finally:
            self._batch.token, self._batch.embd = self._tokens.ctypes.data, None
            if whole:
                self._library.llama_set_causal_attn(self._context, True)

    def projector(self, path: Path) -> Projector:
        """The towers in the file at `path`, made for this model; close them before it. Raises `EngineError`."""
        library, options = self._library, self.options
        check_towers(library, path, library.llama_model_n_embd_inp(self._model))
        Library.busy_with = f"loading {path}"
        gpu, most = options.gpu_layers != 0, self._most_rows
        made = Projector(library, self._model, path, threads=options.threads, gpu=gpu, most=most)
        self._mrope = made.mrope
        Library.busy_with = f"running {path}"
        return made

    def decode_step(
        self,
        slots: Sequence[int],
        tokens: Sequence[int],
        positions: Sequence[int],
        wanted: Sequence[bool],
        *,
        steady: bool = False,
    ) -> NDArray[np.float32]:
        """Decode a token in each of `slots`; logits [rows wanted, vocabulary] in the order of `slots`.

        The array is llama.cpp's own memory, valid and ours to change until the next decode. `steady`: a single row has
        the same bits every time.
        """
        count = len(slots)
        self._sequences[:count] = slots
        self._tokens[:count] = tokens
        self._positions[:count] = positions
        self._wanted[:count] = wanted
        return self._decode(count, sum(wanted), step=True, steady=steady)

    def _counts(self, size: int) -> tuple[int, ...]:
        """How many threads may compute a call of about this size, ascending."""
        few, many = self.options.threads, max(self.options.threads, self.options.long_threads)
        if few == many:
            return (few,)
        long = self._spent.get(size, 0.0) > LONG * few
        return tuple(sorted({1, few, many // 2 or 1, many} if long else {1, few}))

    def _use_threads(self, threads: int) -> None:
        if threads != self.threads:
            self._library.llama_set_n_threads(self._context, threads, threads)
            self.threads = threads

    def _decode(self, count: int, outputs: int, *, step: bool, steady: bool) -> NDArray[np.float32]:
        self._batch.n_tokens = count
        size = count.bit_length()
        counts = self._counts(size)
        if steady and count == 1:  # threads share the attention of a single row: always as many
            counts = (self.options.threads,)
        self._use_threads(self._chooser.choose(count, counts))
        begun, used = self.options.wall(), self.options.clock()
        status = self._library.llama_decode(self._context, self._batch)
        seconds, spent = self.options.wall() - begun, (self.options.clock() - used) * self.threads
        self._chooser.took(count, counts, self.threads, seconds)
        self._spent[size] = (
            0.8 * self._spent.get(size, 0.0) + 0.2 * spent
        )  # one slow call, the first say, is not the rule
        if self.options.observer is not None:
            slots = tuple(self._sequences[:count].tolist())
            self.options.observer(DecodeCall(slots, step, self.threads, seconds))
        if status:
            raise EngineError(f"llama_decode failed with {status} on {count} rows")
        if not outputs:
            return self._no_logits
        address: int = self._library.llama_get_logits(self._context)
        if address != self._logits_address:  # it stays the same for most of a context's life, and a view costs 20 µs
            size = self.outputs * self.tokenizer.vocabulary
            self._logits_address = address
            self._logits = np.ctypeslib.as_array((c.c_float * size).from_address(address)).reshape(self.outputs, -1)
        return self._logits[:outputs]

    def truncate(self, slot: int, length: int) -> bool:
        """Forget what `slot` holds from position `length` on; False if this model cannot (recurrent state)."""
        done: bool = self._library.llama_memory_seq_rm(self._memory, slot, length, -1)
        return done

    def copy(self, source: int, target: int) -> None:
        """Make `target` hold all that `source` holds."""
        if not self.rewindable:  # a recurrent state would be shared
            self.restore(target, self.state(source))
            return
        self._library.llama_memory_seq_rm(self._memory, target, -1, -1)
        self._library.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def state_size(self, slot: int, *, end_only: bool = False) -> int:
        """Bytes that `state` would have."""
        size: int = self._library.llama_state_seq_get_size_ext(self._context, slot, end_only)
        return size

    def state(self, slot: int, *, end_only: bool = False) -> NDArray[np.uint8]:
        """A copy of what `slot` holds; `end_only`: of what only its end has, recurrent state and sliding windows."""
        state = np.empty(self.state_size(slot, end_only=end_only), np.uint8)
        self._library.llama_state_seq_get_data_ext(self._context, state.ctypes.data, state.nbytes, slot, end_only)
        return state

    def restore(self, slot: int, state: NDArray[np.uint8], *, end_only: bool = False) -> bool:
        """Make `slot` hold what `state` is a copy of, from any slot; False if there is no room. With `end_only` the
        rest stays, and is to be truncated to as many tokens as the state has seen."""
        if not end_only:
            self.truncate(slot, -1)
        read: int = self._library.llama_state_seq_set_data_ext(
            self._context, state.ctypes.data, state.nbytes, slot, end_only
        )
        return read == state.nbytes

    def give_back(self) -> None:
        """Give the memory of the KV cache back to the system; every slot must be empty."""
        for begin, end in self._buffers:
            give_back(begin, end)
        trim()

    def clear(self) -> None:
        """Forget everything. Slot by slot: clearing all at once would write the bookkeeping of every token."""
        for slot in range(self.slots):
            self.truncate(slot, -1)

    def close(self) -> None:
        """Give the native memory back. Idempotent."""
        if self._context:
            self._library.llama_free(self._context)
            self._context = None
        if self._model:
            self._library.llama_model_free(self._model)
            self._model = 0


def _from(first: int, count: int) -> NDArray[np.int32]:
    """So many positions from the first one on."""
    return np.arange(first, first + count, dtype=np.int32)
