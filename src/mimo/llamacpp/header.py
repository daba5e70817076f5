"""What we use of `llama.h`, `ggml.h` and `gguf.h`: structs, functions, and the defaults that show whether they fit.

Literal tables, as the headers of the pinned wheel have them. Opens nothing.
"""

from __future__ import annotations

import ctypes as c
from typing import Any

XLLAMACPP_VERSION = "2026.10.11549"
"""The wheel whose `llama.h` the structs below follow."""

ProgressCallback = c.CFUNCTYPE(c.c_bool, c.c_float, c.c_void_p)
LogCallback = c.CFUNCTYPE(None, c.c_int, c.c_char_p, c.c_void_p)
AbortCallback = c.CFUNCTYPE(None, c.c_char_p)


class ModelParams(c.Structure):
    """`llama_model_params`."""

    _fields_ = (
        ("devices", c.c_void_p),
        ("tensor_buft_overrides", c.c_void_p),
        ("n_gpu_layers", c.c_int32),
        ("split_mode", c.c_int),
        ("load_mode", c.c_int),
        ("lazy_mode", c.c_int),
        ("main_gpu", c.c_int32),
        ("tensor_split", c.c_void_p),
        ("progress_callback", ProgressCallback),
        ("progress_callback_user_data", c.c_void_p),
        ("kv_overrides", c.c_void_p),
        ("vocab_only", c.c_bool),
        ("check_tensors", c.c_bool),
        ("use_extra_bufts", c.c_bool),
        ("no_host", c.c_bool),
        ("no_alloc", c.c_bool),
        ("load_mtp", c.c_bool),
    )


class ContextParams(c.Structure):
    """`llama_context_params`."""

    _fields_ = (
        ("n_ctx", c.c_uint32),
        ("n_batch", c.c_uint32),
        ("n_ubatch", c.c_uint32),
        ("n_seq_max", c.c_uint32),
        ("n_rs_seq", c.c_uint32),
        ("n_outputs_max", c.c_uint32),
        ("n_outputs_max_per_seq", c.c_uint32),
        ("n_threads", c.c_int32),
        ("n_threads_batch", c.c_int32),
        ("ctx_type", c.c_int),
        ("rope_scaling_type", c.c_int),
        ("pooling_type", c.c_int),
        ("attention_type", c.c_int),
        ("flash_attn_type", c.c_int),
        ("rope_freq_base", c.c_float),
        ("rope_freq_scale", c.c_float),
        ("yarn_ext_factor", c.c_float),
        ("yarn_attn_factor", c.c_float),
        ("yarn_beta_fast", c.c_float),
        ("yarn_beta_slow", c.c_float),
        ("yarn_orig_ctx", c.c_uint32),
        ("defrag_thold", c.c_float),
        ("cb_eval", c.c_void_p),
        ("cb_eval_user_data", c.c_void_p),
        ("type_k", c.c_int),
        ("type_v", c.c_int),
        ("moe_cache_size", c.c_size_t),
        ("abort_callback", c.c_void_p),
        ("abort_callback_data", c.c_void_p),
        ("embeddings", c.c_bool),
        ("offload_kqv", c.c_bool),
        ("no_perf", c.c_bool),
        ("op_offload", c.c_bool),
        ("swa_full", c.c_bool),
        ("kv_unified", c.c_bool),
        ("samplers", c.c_void_p),
        ("n_samplers", c.c_size_t),
        ("ctx_other", c.c_void_p),
    )


class Batch(c.Structure):
    """`llama_batch`: one row per token."""

    _fields_ = (
        ("n_tokens", c.c_int32),
        ("token", c.c_void_p),
        ("embd", c.c_void_p),
        ("pos", c.c_void_p),
        ("n_seq_id", c.c_void_p),
        ("seq_id", c.c_void_p),
        ("logits", c.c_void_p),
    )


class GgufInitParams(c.Structure):
    """`gguf_init_params`."""

    _fields_ = (("no_alloc", c.c_bool), ("ctx", c.c_void_p))


_P, _I32, _I64, _STR, _BOOL = c.c_void_p, c.c_int32, c.c_int64, c.c_char_p, c.c_bool

FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "llama_backend_init": (None, ()),
    "llama_supports_gpu_offload": (_BOOL, ()),
    "llama_log_set": (None, (LogCallback, _P)),
    "ggml_set_abort_callback": (_P, (AbortCallback,)),
    "llama_model_default_params": (ModelParams, ()),
    "llama_context_default_params": (ContextParams, ()),
    "llama_model_load_from_file": (_P, (_STR, ModelParams)),
    "llama_model_free": (None, (_P,)),
    "llama_model_n_ctx_train": (_I32, (_P,)),
    "llama_model_n_embd_inp": (_I32, (_P,)),
    "llama_model_n_swa": (_I32, (_P,)),
    "llama_model_size": (c.c_uint64, (_P,)),
    "llama_model_desc": (_I32, (_P, _STR, c.c_size_t)),
    "llama_model_meta_val_str": (_I32, (_P, _STR, _STR, c.c_size_t)),
    "llama_model_chat_template": (_STR, (_P, _STR)),
    "llama_model_get_vocab": (_P, (_P,)),
    "llama_model_has_encoder": (_BOOL, (_P,)),
    "llama_model_is_recurrent": (_BOOL, (_P,)),
    "llama_model_is_hybrid": (_BOOL, (_P,)),
    "llama_init_from_model": (_P, (_P, ContextParams)),
    "llama_free": (None, (_P,)),
    "llama_n_ctx_seq": (c.c_uint32, (_P,)),
    "llama_get_memory": (_P, (_P,)),
    "llama_memory_seq_rm": (_BOOL, (_P, _I32, _I32, _I32)),
    "llama_memory_seq_cp": (None, (_P, _I32, _I32, _I32, _I32)),
    "llama_state_seq_get_size_ext": (c.c_size_t, (_P, _I32, c.c_uint32)),
    "llama_state_seq_get_data_ext": (c.c_size_t, (_P, _P, c.c_size_t, _I32, c.c_uint32)),
    "llama_state_seq_set_data_ext": (c.c_size_t, (_P, _P, c.c_size_t, _I32, c.c_uint32)),
    "llama_decode": (_I32, (_P, Batch)),
    "llama_set_causal_attn": (None, (_P, _BOOL)),
    "llama_set_n_threads": (None, (_P, _I32, _I32)),
    "llama_get_logits": (_P, (_P,)),
    "llama_vocab_n_tokens": (_I32, (_P,)),
    "llama_vocab_type": (c.c_int, (_P,)),
    "llama_vocab_get_text": (_STR, (_P, _I32)),
    "llama_vocab_get_attr": (c.c_int, (_P, _I32)),
    "llama_vocab_is_eog": (_BOOL, (_P, _I32)),
    "llama_vocab_bos": (_I32, (_P,)),
    "llama_vocab_eos": (_I32, (_P,)),
    "llama_tokenize": (_I32, (_P, _STR, _I32, _P, _I32, _BOOL, _BOOL)),
    "llama_token_to_piece": (_I32, (_P, _I32, _P, _I32, _I32, _BOOL)),
    "ggml_backend_cpu_buffer_type": (_P, ()),
    "ggml_backend_buft_alloc_buffer": (_P, (_P, c.c_size_t)),
    "ggml_backend_buffer_get_base": (_P, (_P,)),
    "ggml_backend_buffer_get_size": (c.c_size_t, (_P,)),
    "ggml_backend_buffer_free": (None, (_P,)),
    "gguf_init_from_file": (_P, (_STR, GgufInitParams)),
    "gguf_free": (None, (_P,)),
    "gguf_get_data_offset": (c.c_size_t, (_P,)),
    "gguf_find_key": (_I64, (_P, _STR)),
    "gguf_get_kv_type": (c.c_int, (_P, _I64)),
    "gguf_get_val_str": (_STR, (_P, _I64)),
    "gguf_get_val_data": (_P, (_P, _I64)),
    "gguf_get_arr_type": (c.c_int, (_P, _I64)),
    "gguf_get_arr_n": (c.c_size_t, (_P, _I64)),
    "gguf_get_arr_data": (_P, (_P, _I64)),
    "gguf_get_arr_str": (_STR, (_P, _I64, c.c_size_t)),
    "gguf_get_n_tensors": (_I64, (_P,)),
    "gguf_get_tensor_offset": (c.c_size_t, (_P, _I64)),
    "gguf_get_tensor_size": (c.c_size_t, (_P, _I64)),
    "gguf_get_tensor_name": (_STR, (_P, _I64)),
    "gguf_get_tensor_type": (c.c_int, (_P, _I64)),
}

# Defaults that the library itself reports, spread over each struct from its first field to its last: a shifted layout
# cannot reproduce them.
MODEL_DEFAULTS: dict[str, object] = {
    "n_gpu_layers": -1,
    "split_mode": 1,
    "load_mode": -1,
    "lazy_mode": 1,
    "main_gpu": 0,
    "vocab_only": False,
    "use_extra_bufts": True,
    "load_mtp": False,
}
CONTEXT_DEFAULTS: dict[str, object] = {
    "n_ctx": 512,
    "n_batch": 2048,
    "n_ubatch": 512,
    "n_seq_max": 1,
    "n_outputs_max_per_seq": 1,
    "n_threads": 4,
    "rope_scaling_type": -1,
    "pooling_type": -1,
    "attention_type": -1,
    "flash_attn_type": -1,
    "yarn_ext_factor": -1.0,
    "type_k": 1,
    "type_v": 1,
    "offload_kqv": True,
    "no_perf": True,
    "op_offload": True,
    "swa_full": True,
    "kv_unified": False,
    "n_samplers": 0,
}
