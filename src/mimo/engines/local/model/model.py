"""A loaded model and its context: rows of (token, position, sequence) in, one row of logits for each asked one out.

It owns the native memory. It knows nothing of requests; the scheduler decides what is decoded when. Only one thread
may use it at a time.
"""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mimo.contract.errors import EngineError
from mimo.engines.local.model.calls import Calls
from mimo.engines.local.model.file import ModelFile
from mimo.engines.local.model.kv_cache import KvCache
from mimo.engines.local.model.options import ModelOptions
from mimo.engines.local.model.rows import Rows
from mimo.engines.local.runs import borders, embeddings, is_whole, places
from mimo.llamacpp.cells import drop_zeros
from mimo.llamacpp.library import Library
from mimo.llamacpp.mtmd import Projector
from mimo.llamacpp.towers import check_towers
from mimo.llamacpp.untouched import untouched
from mimo.tokenizers.gguf import Vocabulary
from mimo.tokenizers.load import MIMO

_EVERY_KIND = f"Hello, w\u00f6rld!\n\t 12 \u4e2d\U0001f600 {bytes(range(1, 128)).decode()} <|im_end|>"
"""Text that makes a tokenizer use what it must have: letters, digits, white space, bytes of every kind."""
_MANY_CELLS = 1 << 18
"""Tokens that a cache can have whose bookkeeping, 10 MB of zeros, is worth a look for it."""


class LocalModel:
    """Weights, KV cache and the rows of calls.

    `context_window`: tokens of each of `slots` sequences; `outputs`: rows whose logits one call can give; `memory`:
    what it takes; `prompt_cache`: bytes that are left to earlier prompts; `kv`: what the sequences have in memory.
    """

    def __init__(
        self, library: Library, path: Path, options: ModelOptions, on_progress: Callable[[float], bool] | None = None
    ) -> None:
        """Load `path`. `on_progress` gets the share loaded, 0–1, and says whether to go on. Raises `EngineError`: the
        file and why."""
        self._library = library
        self._context = 0
        self.options = options
        file = ModelFile(library, path, options)
        self.header, self.slots, self.outputs = file.header, file.slots, file.outputs
        Library.busy_with = f"loading {path}"
        library.errors.clear()
        self.memory, self.prompt_cache = file.planned()
        self._model = file.load(on_progress)
        try:
            self._read_vocabulary(file)
            self._open(file)
        except BaseException:
            self.close()
            raise
        Library.busy_with = f"running {path}"

    def _read_vocabulary(self, file: ModelFile) -> None:
        if self._library.llama_model_has_encoder(self._model):
            raise file.refused(f"an encoder-decoder model ({self.header.architecture}) cannot be served")
        try:
            self.tokenizer = Vocabulary(self._library, self._model)
        except EngineError as problem:
            raise file.refused(str(problem)) from None

    def _open(self, file: ModelFile) -> None:
        library, options, model = self._library, self.options, self._model
        self.rewindable = not (library.llama_model_is_recurrent(model) or library.llama_model_is_hybrid(model))
        """Whether tokens can be taken back from the end of a sequence; recurrent state cannot be rewound."""
        on_gpu = options.gpu_layers != 0 and library.llama_supports_gpu_offload()
        self.exact = not on_gpu and (options.any_rows or not self.rewindable or file.steady_rows)
        """Whether a row of a step can have the same bits in any company; where there is recurrent state, in none."""
        self.cuttable = self.rewindable and not library.llama_model_n_swa(model)
        """Whether tokens can be taken back from a copy of a sequence; of sliding windows it has only the last."""
        with untouched(library) as buffers:
            self._context = context = file.context(model, self.memory.window)
        cells = library.llama_n_ctx_seq(context)
        self.dropped = drop_zeros(cells, buffers) if cells * self.slots >= _MANY_CELLS else 0
        """Bytes of the cache's bookkeeping that went back to the system."""
        self.context_window: int = min(cells, self.memory.window)
        self.kv = KvCache(library, context, self.slots, self.rewindable, buffers)
        self._calls = Calls(library, context, options)
        self._rows = Rows(file.most_rows)
        self._mrope = False
        self._logits_address = 0
        self._no_logits = self._logits = np.empty((0, self.tokenizer.vocabulary), np.float32)

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
        self.kv.clear()

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

    @property
    def threads(self) -> int:
        """How many computed the last call."""
        return self._calls.threads

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
        count = len(tokens)
        wanted = rows or range(count - last, count)
        return self._decode_chunk(slot, tokens, _from(position, count), wanted, steady=steady, step=step)

    def _decode_chunk(
        self,
        slot: int,
        tokens: Sequence[int],
        positions: NDArray[np.int32],
        wanted: range,
        *,
        steady: bool,
        step: bool = False,
    ) -> NDArray[np.float32]:
        self._rows.fill_prompt(slot, tokens, positions, wanted)
        self._calls.decode(self._rows, step=step, steady=steady)
        return self._logits_of(len(wanted))

    def _decode_runs(
        self, slot: int, tokens: Sequence[int], position: int, index: int, last: bool, steady: bool
    ) -> NDArray[np.float32]:
        """As `decode_prompt`, with rows of media among `tokens`; a call has ids or embeddings, never both."""
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
        count = len(rows)
        positions, after = places(rows, position) if self._mrope else (_from(position, count), position + count)
        with self._rows.embedded(embeddings(rows)), self._calls.uncausal(is_whole(rows)):
            return self._decode_chunk(slot, (), positions, range(count - last, count), steady=steady), after

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
        self._rows.fill_step(slots, tokens, positions, wanted)
        self._calls.decode(self._rows, step=True, steady=steady)
        return self._logits_of(sum(wanted))

    def _logits_of(self, outputs: int) -> NDArray[np.float32]:
        """The first `outputs` rows that the last call gave."""
        if not outputs:
            return self._no_logits
        address: int = self._library.llama_get_logits(self._context)
        if address != self._logits_address:  # it stays the same for most of a context's life, and a view costs 20 µs
            size = self.outputs * self.tokenizer.vocabulary
            self._logits_address = address
            self._logits = np.ctypeslib.as_array((c.c_float * size).from_address(address)).reshape(self.outputs, -1)
        return self._logits[:outputs]

    def projector(self, path: Path) -> Projector:
        """The towers in the file at `path`, made for this model; close them before it. Raises `EngineError`."""
        library, options = self._library, self.options
        check_towers(library, path, library.llama_model_n_embd_inp(self._model))
        Library.busy_with = f"loading {path}"
        gpu, most = options.gpu_layers != 0, self._rows.most
        made = Projector(library, self._model, path, threads=options.threads, gpu=gpu, most=most)
        self._mrope = made.mrope
        Library.busy_with = f"running {path}"
        return made

    def close(self) -> None:
        """Give the native memory back. Idempotent."""
        if self._context:
            self._library.llama_free(self._context)
        if self._model:
            self._library.llama_model_free(self._model)
        self._context = self._model = 0


def _from(first: int, count: int) -> NDArray[np.int32]:
    """So many positions from the first one on."""
    return np.arange(first, first + count, dtype=np.int32)
