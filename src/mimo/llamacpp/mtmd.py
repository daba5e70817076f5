"""llama.cpp's multimodal C API (mtmd) through ctypes: pixels and samples in, rows of embeddings out.

The library's own header calls this API experimental: its struct is checked against the defaults that the library
reports, as those of `llama.h` are. Only media go through it: text never meets its tokenizer, which would read control
tokens in it. Knows no request and no file format.
"""

from __future__ import annotations

import ctypes as c
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimo.contract.errors import EngineError
from mimo.llamacpp.header import LogCallback
from mimo.llamacpp.library import Library, check_defaults


class MtmdParams(c.Structure):
    """`mtmd_context_params`."""

    _fields_ = (
        ("use_gpu", c.c_bool),
        ("device", c.c_void_p),
        ("print_timings", c.c_bool),
        ("n_threads", c.c_int),
        ("image_marker", c.c_char_p),
        ("media_marker", c.c_char_p),
        ("flash_attn_type", c.c_int),
        ("warmup", c.c_bool),
        ("image_min_tokens", c.c_int),
        ("image_max_tokens", c.c_int),
        ("cb_eval", c.c_void_p),
        ("cb_eval_user_data", c.c_void_p),
        ("batch_max_tokens", c.c_int32),
        ("progress_callback", c.c_void_p),
        ("progress_callback_user_data", c.c_void_p),
    )


class _Part(c.Structure):
    """`mtmd_input_part`: a text or a bitmap; here always a bitmap."""

    _fields_ = (("text", c.c_void_p), ("bitmap", c.c_void_p))


DEFAULTS: dict[str, object] = {
    "use_gpu": True,
    "print_timings": True,
    "n_threads": 4,
    "media_marker": b"<__media__>",
    "flash_attn_type": -1,
    "warmup": True,
    "image_min_tokens": -1,
    "image_max_tokens": -1,
    "batch_max_tokens": 1024,
}

_P, _I32, _U32, _SIZE, _BOOL = c.c_void_p, c.c_int32, c.c_uint32, c.c_size_t, c.c_bool

FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "mtmd_context_params_default": (MtmdParams, ()),
    "mtmd_init_from_file": (_P, (c.c_char_p, _P, MtmdParams)),
    "mtmd_free": (None, (_P,)),
    "mtmd_helper_log_set": (None, (LogCallback, _P)),
    "mtmd_support_vision": (_BOOL, (_P,)),
    "mtmd_support_audio": (_BOOL, (_P,)),
    "mtmd_get_audio_sample_rate": (c.c_int, (_P,)),
    "mtmd_decode_use_mrope": (_BOOL, (_P,)),
    "mtmd_decode_use_non_causal": (_BOOL, (_P, _P)),
    "mtmd_bitmap_init": (_P, (_U32, _U32, c.c_char_p)),
    "mtmd_bitmap_init_from_audio": (_P, (_SIZE, c.c_char_p)),
    "mtmd_bitmap_free": (None, (_P,)),
    "mtmd_input_chunks_init": (_P, ()),
    "mtmd_input_chunks_free": (None, (_P,)),
    "mtmd_input_chunks_size": (_SIZE, (_P,)),
    "mtmd_input_chunks_get": (_P, (_P, _SIZE)),
    "mtmd_input_chunk_get_type": (c.c_int, (_P,)),
    "mtmd_input_chunk_get_n_tokens": (_SIZE, (_P,)),
    "mtmd_input_chunk_get_n_pos": (_I32, (_P,)),
    "mtmd_input_chunk_get_tokens_text": (_P, (_P, c.POINTER(_SIZE))),
    "mtmd_input_chunk_get_tokens_image": (_P, (_P,)),
    "mtmd_helper_image_get_decoder_pos": (None, (_P, _I32, _P)),
    "mtmd_tokenize_from_parts": (_I32, (_P, _P, _P, _SIZE, _BOOL)),
    "mtmd_encode_chunk": (_I32, (_P, _P)),
    "mtmd_get_output_embd": (_P, (_P,)),
}
_TEXT = 0
"""`mtmd_input_chunk_type`."""


@dataclass(frozen=True, slots=True)
class Rows:
    """`count` rows of embeddings, from chunk `at` of a medium. They take `positions` in a sequence: fewer than rows
    where an image has its rows and columns as positions (M-RoPE). `whole`: they see those after them, and so must be
    decoded in one call."""

    at: int
    count: int
    positions: int
    whole: bool


class Chunks:
    """A medium cut into `parts`: ids of control tokens around it, and rows that are still to be encoded.

    It owns native memory, which is freed with it.
    """

    def __init__(self, projector: Projector, handle: int) -> None:
        self.handle = handle
        self._projector = projector
        self._finalizer = weakref.finalize(self, projector.library.mtmd_input_chunks_free, handle)
        self.parts: tuple[tuple[int, ...] | Rows, ...] = tuple(projector.parts_of(handle))

    def places(self, rows: Rows, first: int) -> NDArray[np.int32]:
        """The positions [4, count] of `rows` in a model with M-RoPE, in its order, time, row, column and the rest;
        `first` is the position of the medium."""
        return self._projector.places(self.handle, rows, first)


class Projector:
    """The towers in the file at `path`, for the loaded `model` (its handle); closed before the model is.

    `kinds`: what they take, `image` or `audio`; `rate`: samples a second of a sound; `mrope`: positions have four
    parts. `most`: rows that one call of the model takes; where an image must be decoded in one call, it is scaled to
    that many. `image` and `sound` may be called in any thread, `encode` in one at a time. Raises `EngineError` with
    the file and why.
    """

    def __init__(self, library: Library, model: int, path: Path, *, threads: int, gpu: bool, most: int) -> None:
        self.library = library
        self._context: int | None = None
        library.declare(FUNCTIONS)
        params = library.mtmd_context_params_default()
        check_defaults(params, DEFAULTS, f"library {library.path}")
        params.use_gpu, params.n_threads = gpu, threads
        params.warmup = params.print_timings = False  # a warm-up would encode the largest image there may be
        library.mtmd_helper_log_set(library.log_callback, None)
        self._open(path, model, params)
        if library.mtmd_decode_use_non_causal(self._context, None):
            self.close()
            params.image_max_tokens = most
            self._open(path, model, params)
        self._most = most
        self.width: int = library.llama_model_n_embd_inp(model)
        self.mrope: bool = library.mtmd_decode_use_mrope(self._context)
        sees, hears = library.mtmd_support_vision(self._context), library.mtmd_support_audio(self._context)
        self.kinds = tuple(kind for kind, there in (("image", sees), ("audio", hears)) if there)
        self.rate: int = library.mtmd_get_audio_sample_rate(self._context) if hears else 0

    def _open(self, path: Path, model: int, params: MtmdParams) -> None:
        self.library.errors.clear()
        self._context = self.library.mtmd_init_from_file(str(path).encode(), model, params)
        if not self._context:
            reason = "; ".join(self.library.errors) or "llama.cpp cannot load it as a projector of this model"
            raise EngineError(f"{path}: {reason}")

    def image(self, width: int, height: int, rgb: bytes) -> Chunks:
        """Cut an image into chunks, scaled as its tower wants it. Raises ValueError with the library's words."""
        if len(rgb) != 3 * width * height:
            raise ValueError(f"{len(rgb)} bytes are no {width} × {height} pixels")
        return self._split(self.library.mtmd_bitmap_init(width, height, rgb))

    def sound(self, samples: bytes) -> Chunks:
        """As `image`, for float32 samples of one channel at `rate`."""
        return self._split(self.library.mtmd_bitmap_init_from_audio(len(samples) // 4, samples))

    def _split(self, bitmap: int) -> Chunks:
        library = self.library
        library.errors.clear()
        handle = library.mtmd_input_chunks_init()
        try:
            part = _Part(None, bitmap)
            pointers = (_P * 1)(c.addressof(part))
            if status := library.mtmd_tokenize_from_parts(self._context, handle, pointers, 1, False):
                raise ValueError("; ".join(library.errors) or f"mtmd_tokenize_from_parts failed with {status}")
        except BaseException:
            library.mtmd_input_chunks_free(handle)
            raise
        finally:
            library.mtmd_bitmap_free(bitmap)
        return Chunks(self, handle)

    def parts_of(self, handle: int) -> Iterator[tuple[int, ...] | Rows]:
        """The parts of native chunks."""
        library = self.library
        for at in range(library.mtmd_input_chunks_size(handle)):
            chunk = library.mtmd_input_chunks_get(handle, at)
            if library.mtmd_input_chunk_get_type(chunk) == _TEXT:
                count = _SIZE()
                address = library.mtmd_input_chunk_get_tokens_text(chunk, c.byref(count))
                yield tuple((c.c_int32 * count.value).from_address(address)) if count.value else ()
            else:
                count = library.mtmd_input_chunk_get_n_tokens(chunk)
                whole = library.mtmd_decode_use_non_causal(self._context, chunk)
                if whole and count > self._most:
                    raise ValueError(f"its {count} rows must be decoded in one call, which takes {self._most}")
                yield Rows(at, count, library.mtmd_input_chunk_get_n_pos(chunk), whole)

    def places(self, handle: int, rows: Rows, first: int) -> NDArray[np.int32]:
        """As `Chunks.places`."""
        library = self.library
        image = library.mtmd_input_chunk_get_tokens_image(library.mtmd_input_chunks_get(handle, rows.at))
        if not image:
            return np.tile(np.arange(first, first + rows.count, dtype=np.int32), (4, 1))
        made = np.empty((rows.count, 4), np.int32)  # `mtmd_decoder_pos`: time, column, row, the rest
        library.mtmd_helper_image_get_decoder_pos(image, first, made.ctypes.data)
        return np.ascontiguousarray(made.T[[0, 2, 1, 3]])

    def encode(self, chunks: Chunks, rows: Rows) -> NDArray[np.float32]:
        """The embeddings [count, width] of one part. Raises `RuntimeError`."""
        library = self.library
        chunk = library.mtmd_input_chunks_get(chunks.handle, rows.at)
        if status := library.mtmd_encode_chunk(self._context, chunk):
            raise RuntimeError(f"mtmd_encode_chunk failed with {status}: {'; '.join(library.errors)}")
        address = library.mtmd_get_output_embd(self._context)
        flat = np.ctypeslib.as_array((c.c_float * (rows.count * self.width)).from_address(address))
        return flat.reshape(rows.count, self.width).copy()

    def close(self) -> None:
        """Give the native memory back. Idempotent."""
        if self._context:
            self.library.mtmd_free(self._context)
            self._context = None
