"""The keys of a GGUF's header as Python values, whatever their types. llama.cpp has read them; this only asks.

Knows no key's meaning.
"""

from __future__ import annotations

import ctypes as c

from mimo.llamacpp.library import Library

_STRING, _ARRAY = 8, 9
_TYPES: dict[int, type[c._SimpleCData[int] | c._SimpleCData[float]]] = {
    0: c.c_uint8, 1: c.c_int8, 2: c.c_uint16, 3: c.c_int16, 4: c.c_uint32, 5: c.c_int32, 6: c.c_float, 7: c.c_uint8,
    10: c.c_uint64, 11: c.c_int64, 12: c.c_double,
}  # fmt: skip


class Keys:
    """The keys of the open header `context`; a name that is not there, or of another kind, gives nothing."""

    def __init__(self, library: Library, context: int) -> None:
        self._library = library
        self._context = context

    def text(self, name: str) -> str | None:
        """A text."""
        at, kind = self._find(name)
        if kind != _STRING:
            return None
        value: bytes = self._library.gguf_get_val_str(self._context, at)
        return value.decode(errors="replace")

    def numbers(self, name: str) -> list[int | float]:
        """A number, or an array of them; what is true is 1."""
        at, kind = self._find(name)
        if kind in _TYPES:
            address, count = self._library.gguf_get_val_data(self._context, at), 1
        elif kind == _ARRAY and (kind := self._library.gguf_get_arr_type(self._context, at)) in _TYPES:
            address = self._library.gguf_get_arr_data(self._context, at)
            count = self._library.gguf_get_arr_n(self._context, at)
        else:
            return []
        return list((_TYPES[kind] * count).from_address(address)) if count else []

    def texts(self, name: str) -> list[bytes]:
        """An array of texts."""
        at, kind = self._find(name)
        if kind != _ARRAY or self._library.gguf_get_arr_type(self._context, at) != _STRING:
            return []
        count = self._library.gguf_get_arr_n(self._context, at)
        return [self._library.gguf_get_arr_str(self._context, at, item) for item in range(count)]

    def has(self, name: str) -> bool:
        """Whether there is such a key."""
        return self._find(name)[1] is not None

    def _find(self, name: str) -> tuple[int, int | None]:
        at: int = self._library.gguf_find_key(self._context, name.encode())
        return at, self._library.gguf_get_kv_type(self._context, at) if at >= 0 else None
