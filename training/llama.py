"""llama.cpp through ctypes on the xllamacpp wheel, as little as training needs: a GGUF, token ids in, logits out.

The package's own engine is `mimo.engines.local`; this one stands alone so that `training/` runs without a server.
Struct layouts are those of xllamacpp 2026.10.11549, as its llama.h gives them.
"""

from __future__ import annotations

import ctypes as c
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("GGML_NO_BACKTRACE", "1")


class ModelParams(c.Structure):
    """llama_model_params."""

    _fields_ = [
        ("devices", c.c_void_p),
        ("tensor_buft_overrides", c.c_void_p),
        ("n_gpu_layers", c.c_int32),
        ("split_mode", c.c_int),
        ("load_mode", c.c_int),
        ("lazy_mode", c.c_int),
        ("main_gpu", c.c_int32),
        ("tensor_split", c.c_void_p),
        ("progress_callback", c.c_void_p),
        ("progress_callback_user_data", c.c_void_p),
        ("kv_overrides", c.c_void_p),
        ("flags", c.c_bool * 6),
    ]


class ContextParams(c.Structure):
    """llama_context_params."""

    _fields_ = [
        *(
            (name, c.c_uint32)
            for name in (
                "n_ctx",
                "n_batch",
                "n_ubatch",
                "n_seq_max",
                "n_rs_seq",
                "n_outputs_max",
                "n_outputs_max_per_seq",
            )
        ),
        *((name, c.c_int32) for name in ("n_threads", "n_threads_batch")),
        *(
            (name, c.c_int)
            for name in ("ctx_type", "rope_scaling_type", "pooling_type", "attention_type", "flash_attn_type")
        ),
        *((name, c.c_float) for name in ("rope_base", "rope_scale", "yarn_ext", "yarn_attn", "yarn_fast", "yarn_slow")),
        ("yarn_orig_ctx", c.c_uint32),
        ("defrag_thold", c.c_float),
        ("cb_eval", c.c_void_p),
        ("cb_eval_user_data", c.c_void_p),
        ("type_k", c.c_int),
        ("type_v", c.c_int),
        ("moe_cache_size", c.c_size_t),
        ("abort_callback", c.c_void_p),
        ("abort_callback_data", c.c_void_p),
        *(
            (name, c.c_bool)
            for name in ("embeddings", "offload_kqv", "no_perf", "op_offload", "swa_full", "kv_unified")
        ),
        ("samplers", c.c_void_p),
        ("n_samplers", c.c_size_t),
        ("ctx_other", c.c_void_p),
    ]


class Batch(c.Structure):
    """llama_batch."""

    _fields_ = [
        ("n_tokens", c.c_int32),
        ("token", c.POINTER(c.c_int32)),
        ("embd", c.c_void_p),
        ("pos", c.POINTER(c.c_int32)),
        ("n_seq_id", c.POINTER(c.c_int32)),
        ("seq_id", c.POINTER(c.POINTER(c.c_int32))),
        ("logits", c.POINTER(c.c_int8)),
    ]


LOG = c.CFUNCTYPE(None, c.c_int, c.c_char_p, c.c_void_p)
QUIET = LOG(lambda level, text, data: None)  # for good: llama.cpp keeps the pointer after the model is closed


def library() -> c.CDLL:
    """The shared library in the xllamacpp wheel, with the types of the functions used here."""
    import xllamacpp

    lib = c.CDLL(str(next(Path(xllamacpp.__file__).parent.glob("xllamacpp*.so"))))
    lib.llama_model_default_params.restype = ModelParams
    lib.llama_context_default_params.restype = ContextParams
    lib.llama_model_load_from_file.argtypes = [c.c_char_p, ModelParams]
    lib.llama_init_from_model.argtypes = [c.c_void_p, ContextParams]
    lib.llama_batch_init.argtypes, lib.llama_batch_init.restype = [c.c_int32] * 3, Batch
    lib.llama_decode.argtypes = [c.c_void_p, Batch]
    lib.llama_get_logits.restype = c.POINTER(c.c_float)
    lib.llama_tokenize.argtypes = [
        c.c_void_p,
        c.c_char_p,
        c.c_int32,
        c.POINTER(c.c_int32),
        c.c_int32,
        c.c_bool,
        c.c_bool,
    ]
    lib.llama_memory_seq_rm.argtypes = [c.c_void_p, c.c_int32, c.c_int32, c.c_int32]
    for name in ("llama_model_load_from_file", "llama_init_from_model", "llama_model_get_vocab", "llama_get_memory"):
        getattr(lib, name).restype = c.c_void_p
    for name in (
        "llama_model_get_vocab",
        "llama_get_memory",
        "llama_get_logits",
        "llama_free",
        "llama_model_free",
        "llama_batch_free",
    ):
        if name != "llama_batch_free":
            getattr(lib, name).argtypes = [c.c_void_p]
    lib.llama_batch_free.argtypes = [Batch]
    return lib


class Llama:
    """One GGUF with `slots` sequences of `window` tokens each."""

    def __init__(self, path: Path, slots: int = 1, window: int = 1024, exact: bool = False, threads: int = 1) -> None:
        self.lib, self.slots = library(), slots
        self.lib.llama_log_set(QUIET, None)
        self.lib.llama_backend_init()
        self.model = self.lib.llama_model_load_from_file(str(path).encode(), self.lib.llama_model_default_params())
        if not self.model:
            raise ValueError(f"llama.cpp cannot load {path}")
        params = self.lib.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_seq_max = slots * window, 2048, slots
        params.n_threads = params.n_threads_batch = threads
        if exact:
            params.type_k = params.type_v = 0
            params.flash_attn_type = 0
        self.context = self.lib.llama_init_from_model(self.model, params)
        assert self.context, "llama.cpp gave no context"
        self.vocab = self.lib.llama_model_get_vocab(self.model)
        self.vocabulary = self.lib.llama_vocab_n_tokens(c.c_void_p(self.vocab))
        self.memory = self.lib.llama_get_memory(self.context)
        self.batch = self.lib.llama_batch_init(2048, 0, 1)

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        """Ids of text; with `special` the names of control tokens become those tokens."""
        data = text.encode()
        room = (c.c_int32 * (len(data) + 8))()
        count = self.lib.llama_tokenize(self.vocab, data, len(data), room, len(room), False, special)
        return list(room[:count])

    def decode(self, rows: list[tuple[int, int, int, bool]]) -> np.ndarray:
        """One step over rows (token, position, slot, wanted): float32 logits [wanted rows, vocabulary], copied."""
        batch = self.batch
        batch.n_tokens = len(rows)
        for i, (token, position, slot, wanted) in enumerate(rows):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, position, 1, wanted
            batch.seq_id[i][0] = slot
        code = self.lib.llama_decode(self.context, batch)
        if code:
            raise RuntimeError(f"llama_decode gave {code}")
        count = sum(row[3] for row in rows)
        return np.ctypeslib.as_array(self.lib.llama_get_logits(self.context), (count, self.vocabulary)).copy()

    def forget(self, slot: int) -> None:
        """Empties a slot."""
        self.lib.llama_memory_seq_rm(self.memory, slot, -1, -1)

    def close(self) -> None:
        """Frees context and model."""
        self.lib.llama_batch_free(self.batch)
        self.lib.llama_free(self.context)
        self.lib.llama_model_free(self.model)


def answers(
    llama: Llama, prompts: list[list[int]], stop: set[int], limit: int, choose: Any
) -> Iterator[tuple[int, list[int], float]]:
    """Runs all prompts, `slots` at a time; `choose(logits, index) -> id`. Yields (index, ids, summed entropy in bits).

    The end token is included when it came; entropy is that of the untempered distribution at each step.
    """
    waiting = list(enumerate(prompts))[::-1]
    running: dict[int, tuple[int, int, list[int], list[float]]] = {}
    following: dict[int, int] = {}
    while waiting or running:
        for slot in range(llama.slots):
            if slot not in running and waiting:
                index, prompt = waiting.pop()
                llama.forget(slot)
                rows = [(token, at, slot, at == len(prompt) - 1) for at, token in enumerate(prompt)]
                for start in range(0, len(rows), 1024):
                    logits = llama.decode(rows[start : start + 1024]) if len(rows[start:]) else None
                running[slot] = (index, len(prompt), [], [])
                assert logits is not None
                take(llama, slot, logits[0], running, following, choose)
        for slot in list(running):
            index, _, ids, entropies = running[slot]
            if ids[-1] in stop or len(ids) >= limit:
                del running[slot], following[slot]
                yield index, ids, sum(entropies)
        slots = sorted(running)
        if slots:
            logits = llama.decode([(following[s], running[s][1] + len(running[s][2]) - 1, s, True) for s in slots])
            for row, slot in zip(logits, slots, strict=True):
                take(llama, slot, row, running, following, choose)


def follow(llama: Llama, prompt: list[int], decoded: list[int], stop: set[int], limit: int, choose: Any) -> list[int]:
    """What follows one prompt in slot 0, of which the part that `decoded` begins with too is not decoded again."""
    same = next((i for i, (a, b) in enumerate(zip(prompt, decoded, strict=False)) if a != b), len(decoded))
    same = min(same, len(prompt) - 1)
    llama.lib.llama_memory_seq_rm(llama.memory, 0, same, -1)
    for start in range(same, len(prompt), 512):
        part = prompt[start : start + 512]
        last = start + len(part) == len(prompt)
        rows = [(token, start + i, 0, last and i == len(part) - 1) for i, token in enumerate(part)]
        logits = llama.decode(rows)
    ids = [choose(logits[0], 0)]
    while ids[-1] not in stop and len(ids) < limit:
        ids.append(choose(llama.decode([(ids[-1], len(prompt) + len(ids) - 1, 0, True)])[0], 0))
    return ids


def take(llama: Llama, slot: int, logits: np.ndarray, running: dict, following: dict, choose: Any) -> None:
    """One chosen token of one slot."""
    index, _, ids, entropies = running[slot]
    weight = np.exp(logits - logits.max(), dtype=np.float64)
    weight /= weight.sum()
    entropies.append(float(-(weight * np.log2(weight + 1e-30)).sum()))
    following[slot] = choose(logits, index)
    ids.append(following[slot])
