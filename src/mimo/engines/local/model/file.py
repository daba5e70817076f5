"""A GGUF file → weights and a context in memory, after what they will take was computed.

Knows llama.cpp's parameters; what is opened here belongs to the caller.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mimo.contract.errors import EngineError
from mimo.engines.local.model.memory import Memory, cache_limit, check_fits, usable_memory
from mimo.engines.local.model.options import MOST_TOKENS, ModelOptions
from mimo.llamacpp.gguf import Header, read_header
from mimo.llamacpp.header import ContextParams, ModelParams, ProgressCallback
from mimo.llamacpp.library import Library
from mimo.llamacpp.sizes import sizes, unread

_F32, _F16 = 0, 1
_FOR_ANY_ROWS = frozenset({0, 1, 2, 8, 30})
"""F32, F16, Q4_0, Q8_0, BF16: weights whose kernels give a row the same bits with one other row or with a hundred. The
fast kernels for the other types depend on the number of rows; `tests/engines/local/test_other_models.py` tests both."""
_OUTPUTS = 64
"""Rows of a prompt whose logits are read at once: 39 MB for a vocabulary of 152,000, not resident before they are."""


class ModelFile:
    """The file at `path`, to be loaded as `options` say. Errors are `EngineError`s: the file and why."""

    def __init__(self, library: Library, path: Path, options: ModelOptions) -> None:
        self._library = library
        self._options = options
        self.path = path
        self.header: Header = read_header(library, path)
        self.slots = max(2, options.slots)
        self.outputs = max(self.slots, min(options.chunk, _OUTPUTS))
        """Rows whose logits one call can give."""
        self.most_rows = max(options.chunk, self.slots, MOST_TOKENS)
        """Of one call."""

    @property
    def steady_rows(self) -> bool:
        """Whether the usual kernels give a row the same bits however many rows a call has."""
        return self.header.types <= _FOR_ANY_ROWS

    def refused(self, why: str = "") -> EngineError:
        """The error that says `why` this file is not served, else what llama.cpp says of it."""
        return EngineError(f"{self.path}: {why or '; '.join(self._library.errors) or 'llama.cpp cannot load it'}")

    def planned(self) -> tuple[Memory, int]:
        """What the model will take, and the bytes that are left to the prompt cache. Raises where that is more than
        there is; weights on a GPU are not counted."""
        library, options = self._library, self._options
        with unread(library, self.path, self._model_params()) as model:
            if not model:
                raise self.refused()
            window = self._window(library.llama_model_n_ctx_train(model))
            cache, compute = sizes(library, model, self._context_params(window))
            weights = library.llama_model_size(model)
        memory = Memory(weights, cache // self.slots, self.slots, window, compute)
        limit = usable_memory() if options.memory_limit is None else options.memory_limit
        if options.memory_limit is not None or not library.llama_supports_gpu_offload():
            check_fits(self.path, memory, limit)
        return memory, cache_limit(options.prompt_cache, memory, limit)

    def load(self, on_progress: Callable[[float], bool] | None) -> int:
        """The address of the loaded weights. `on_progress` gets the share loaded, 0 to 1, and says whether to go on."""

        def report(share: float, _: object) -> bool:
            return on_progress is None or on_progress(share)

        params = self._model_params()
        params.progress_callback = keep = ProgressCallback(report)
        model: int | None = self._library.llama_model_load_from_file(str(self.path).encode(), params)
        del keep
        if not model:
            raise self.refused()
        return model

    def context(self, model: int, window: int) -> int:
        """The address of a context of `window` tokens a slot."""
        context: int | None = self._library.llama_init_from_model(model, self._context_params(window))
        if not context:
            raise self.refused(
                f"no memory for {self.slots} sequences of {window} tokens; try fewer slots or a smaller context window "
                f"({'; '.join(self._library.errors)})"
            )
        return context

    def _window(self, trained: int) -> int:
        """Tokens of each sequence, of a model that was trained on `trained`."""
        options = self._options
        if options.context_window > trained:
            words = f"context_window must be at most {trained}, the model's own, got {options.context_window}"
            raise self.refused(words)
        return options.context_window or min(options.default_window or trained, trained)

    def _model_params(self) -> ModelParams:
        params: ModelParams = self._library.llama_model_default_params()
        params.n_gpu_layers = self._options.gpu_layers
        if self._options.any_rows and not self.steady_rows:
            params.use_extra_bufts = False
            os.environ["GGML_CPU_TILED_MM"] = "0"  # read at the first product of the process
        return params

    def _context_params(self, window: int) -> ContextParams:
        options = self._options
        params: ContextParams = self._library.llama_context_default_params()
        params.n_seq_max = self.slots
        params.n_outputs_max = self.outputs
        params.n_ctx = window * self.slots
        params.n_batch = params.n_ubatch = self.most_rows
        params.n_threads = params.n_threads_batch = options.threads
        params.type_k = params.type_v = _F32 if options.f32_cache else _F16
        params.flash_attn_type = 0 if options.f32_cache else -1
        params.kv_unified, params.swa_full = False, True
        return params
