"""GGUF files that lie: every key of nano's header with other types and values, its tensors, its counts, cut short.

A fixed list, so that a case can be run again by its name. Only the header is read and written here; the weights follow
as they are. Knows nothing of what should happen to such a file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from mimo.nano import gguf_path

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
_FORMATS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}


@dataclass(frozen=True)
class Key:
    """A key of the header. `value`: for an array (type of its items, the items). `count`: what an array says it has."""

    name: bytes
    kind: int
    value: Any
    count: int | None = None


@dataclass(frozen=True)
class Tensor:
    name: bytes
    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True)
class File:
    """A header, and the bytes after it. The counts are those of the lists unless given."""

    keys: tuple[Key, ...]
    tensors: tuple[Tensor, ...]
    weights: bytes
    version: int = 3
    key_count: int | None = None
    tensor_count: int | None = None

    def bytes(self) -> bytes:
        keys = len(self.keys) if self.key_count is None else self.key_count
        tensors = len(self.tensors) if self.tensor_count is None else self.tensor_count
        out = [b"GGUF", struct.pack("<IQQ", self.version, tensors & (1 << 64) - 1, keys & (1 << 64) - 1)]
        for key in self.keys:
            out += [_text(key.name), struct.pack("<I", key.kind), _value(key)]
        for tensor in self.tensors:
            shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
            out += [_text(tensor.name), shape, struct.pack("<IQ", tensor.kind, tensor.offset)]
        header = b"".join(out)
        return header + b"\0" * (-len(header) % 32) + self.weights


def _text(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _value(key: Key) -> bytes:
    if key.kind == STRING:
        return _text(key.value)
    if key.kind != ARRAY:
        return struct.pack("<" + _FORMATS.get(key.kind, "I"), key.value)
    kind, items = key.value
    head = struct.pack("<IQ", kind, len(items) if key.count is None else key.count)
    if kind == STRING:
        return head + b"".join(map(_text, items))
    return head + struct.pack(f"<{len(items)}{_FORMATS.get(kind, 'I')}", *items)


@cache
def nano() -> File:
    """The shipped file, taken apart."""
    data = gguf_path().read_bytes()
    at = 0

    def take(form: str) -> Any:
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def text() -> bytes:
        nonlocal at
        size = take("Q")
        at += size
        return data[at - size : at]

    def value(kind: int) -> Any:
        if kind == STRING:
            return text()
        if kind != ARRAY:
            return take(_FORMATS[kind])
        inner, count = take("IQ")
        return inner, [value(inner) for _ in range(count)]

    take("4sI")
    tensor_count, key_count = take("QQ")
    keys = []
    for _ in range(key_count):
        name = text()
        kind = take("I")
        keys.append(Key(name, kind, value(kind)))
    tensors = []
    for _ in range(tensor_count):
        name = text()
        dims = take("I")
        shape = tuple(take("Q") for _ in range(dims))
        tensors.append(Tensor(name, shape, *take("IQ")))
    at += -at % 32
    return File(tuple(keys), tuple(tensors), data[at:])


_NUMBERS = {
    U32: (0, 1, 2, 3, 7, 5000, 2**31 - 1, 2**31, 2**32 - 1),
    F32: (0.0, -1.0, 1e-30, 1e30, float("inf"), float("nan")),
    BOOL: (0, 1, 255),
    I32: (0, -1, 2**31 - 1),
}
_RETYPED = (
    (U32, 7), (I32, -1), (F32, 1.5), (BOOL, 1), (STRING, b"text"), (U64, 2**63), (I64, -(2**63)), (F64, 0.5),
    (ARRAY, (U32, [])), (ARRAY, (U32, [1, 2, 3])), (ARRAY, (STRING, [b"a"])), (ARRAY, (F32, [0.0])), (99, 0),
)  # fmt: skip
_STRINGS: dict[bytes, tuple[bytes, ...]] = {
    b"general.architecture": (
        b"llama",
        b"bert",
        b"gemma3",
        b"mamba",
        b"t5",
        b"qwen2",
        b"clip",
        b"x" * 4096,
        b"",
        b"\xff",
    ),
    b"tokenizer.ggml.model": (b"llama", b"bert", b"t5", b"rwkv", b"plamo2", b"none", b"no_vocab", b"", b"gemma4", b"x"),
    b"tokenizer.ggml.pre": (b"default", b"llama-bpe", b"deepseek-llm", b"superbpe", b"", b"x" * 9999, b"gpt-4o"),
    b"tokenizer.chat_template": (b"", b"{{", b"\xff\xfe", b"{{ range(99999) | list }}", b"{% for %}", b"x" * 10**6),
    b"general.name": (b"", b"\xff" * 99, b"a[/b]", b"x" * 10**5, b"\x1b[31m", b"new\nline"),
}
_OTHER_STRINGS = (b"", b"\xff\xfe", b"x" * 10**5)


def cases() -> Iterator[tuple[str, File | bytes]]:
    """(name, file) of every case."""
    file = nano()
    for at, key in enumerate(file.keys):
        name = key.name.decode()
        yield f"{name} is left out", replace(file, keys=file.keys[:at] + file.keys[at + 1 :])
        for number, changed in enumerate(_changed(key)):
            yield f"{name} changed {number}", _with(file, at, changed)
    for name, tensors in _tensors(file.tensors):
        yield f"tensors: {name}", replace(file, tensors=tensors)
    yield from _counts(file)
    yield from _vocabulary(file)
    whole = file.bytes()
    for share in (*range(0, 64, 4), *range(64, 4096, 512)):
        yield f"cut at byte {share}", whole[:share]
    for percent in range(1, 100, 9):
        yield f"cut at {percent} %", whole[: len(whole) * percent // 100]


def _with(file: File, at: int, key: Key) -> File:
    return replace(file, keys=(*file.keys[:at], key, *file.keys[at + 1 :]))


def _changed(key: Key) -> Iterator[Key]:
    for kind, value in _RETYPED:
        if kind != key.kind:
            yield replace(key, kind=kind, value=value)
    for number in _NUMBERS.get(key.kind, ()):
        if number != key.value:
            yield replace(key, value=number)
    if key.kind == STRING:
        for text in _STRINGS.get(key.name, _OTHER_STRINGS):
            yield replace(key, value=text)
    if key.kind == ARRAY:
        kind, items = key.value
        for changed in ([], items[:1], items[: len(items) // 2], items + items):
            yield replace(key, value=(kind, changed))
        yield replace(key, count=2**63)
        yield replace(key, count=len(items) + 1)
        for number in _NUMBERS.get(kind, ()):
            yield replace(key, value=(kind, [number] * len(items)))
        if kind == STRING:
            yield replace(key, value=(kind, [b""] * len(items)))
            yield replace(key, value=(kind, [b"\xff"] * len(items)))
            yield replace(key, value=(kind, [b"same"] * len(items)))
            yield replace(key, value=(kind, list(reversed(items))))


def _tensors(tensors: tuple[Tensor, ...]) -> Iterator[tuple[str, tuple[Tensor, ...]]]:
    first, rest = tensors[0], tensors[1:]
    for shape in (
        (),
        (0,),
        (256,),
        (4096, 256),
        (256, 0),
        (256, 2**40),
        (2**62, 2**62),
        (256, 4096, 1, 1),
        (256, 4097),
    ):
        yield f"shape {shape}", (replace(first, shape=shape), *rest)
    yield "five dimensions", (replace(first, shape=(256, 4096, 1, 1, 1)), *rest)
    yield "negative shape", (replace(first, shape=(256, 2**64 - 1)), *rest)
    for kind in (0, 1, 2, 12, 30, 39, 99, 2**32 - 1):
        yield f"type {kind}", (replace(first, kind=kind), *rest)
    for offset in (1, 32, 2**40, 2**63, 2**64 - 32):
        yield f"offset {offset}", (replace(first, offset=offset), *rest)
    for name in (b"", b"x" * 63, b"x" * 64, b"x" * 9999, b"\xff", tensors[1].name):
        yield f"name {name[:8]!r} of {len(name)}", (replace(first, name=name), *rest)
    for tensor in (tensors[0], tensors[1], tensors[8], tensors[10], tensors[-1]):
        yield f"without {tensor.name.decode()}", tuple(other for other in tensors if other is not tensor)
    yield "all at one offset", tuple(replace(tensor, offset=0) for tensor in tensors)
    yield "one twice", (*tensors, tensors[0])
    yield "reversed shapes", tuple(replace(tensor, shape=tensor.shape[::-1]) for tensor in tensors)
    yield "none", ()


def _counts(file: File) -> Iterator[tuple[str, File | bytes]]:
    for count in (0, 1, 36, 10**6, 2**31, 2**63, 2**64 - 1):
        yield f"{count} keys said", replace(file, key_count=count)
        yield f"{count} tensors said", replace(file, tensor_count=count)
    for version in (0, 1, 2, 4, 3 << 24, 2**32 - 1):
        yield f"version {version}", replace(file, version=version)
    yield "a key twice", replace(file, keys=(*file.keys, file.keys[5]))
    yield "an alignment of 0", replace(file, keys=(*file.keys, Key(b"general.alignment", U32, 0)))
    yield "an alignment of 3", replace(file, keys=(*file.keys, Key(b"general.alignment", U32, 3)))
    yield "an alignment of 2^31", replace(file, keys=(*file.keys, Key(b"general.alignment", U32, 2**31)))
    yield "an alignment as text", replace(file, keys=(*file.keys, Key(b"general.alignment", STRING, b"32")))
    yield "a split file", replace(file, keys=(*file.keys, Key(b"split.count", U16, 9), Key(b"split.no", U16, 3)))
    yield "a key of 2^62 bytes", struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, 2**62) + b"x" * 99
    yield "an empty key", replace(file, keys=(*file.keys, Key(b"", U32, 0)))


def _vocabulary(file: File) -> Iterator[tuple[str, File]]:
    """Ids outside the vocabulary, and tokenizers with other things."""
    for name in (b"bos", b"eos", b"eot", b"eom", b"unknown", b"padding", b"mask", b"fim_pre"):
        key = b"tokenizer.ggml.%b_token_id" % name
        others = tuple(other for other in file.keys if other.name != key)
        for number in (4096, 2**31 - 1, 2**32 - 1):
            yield f"{key.decode()} is {number}", replace(file, keys=(*others, Key(key, U32, number)))
    for extra in (
        Key(b"tokenizer.ggml.add_bos_token", BOOL, 1),
        Key(b"tokenizer.ggml.add_space_prefix", BOOL, 1),
        Key(b"tokenizer.ggml.remove_extra_whitespaces", BOOL, 1),
        Key(b"tokenizer.ggml.precompiled_charsmap", ARRAY, (U8, [255] * 64)),
        Key(b"tokenizer.ggml.scores", ARRAY, (F32, [0.0])),
        Key(b"tokenizer.ggml.scores", ARRAY, (STRING, [b"x"] * 4096)),
        Key(b"mimo2.rope.scaling.type", STRING, b"yarn"),
        Key(b"mimo2.rope.scaling.factor", F32, float("nan")),
        Key(b"mimo2.pooling_type", U32, 3),
        Key(b"mimo2.attention.causal", BOOL, 0),
    ):
        others = tuple(other for other in file.keys if other.name != extra.name)
        yield f"{extra.name.decode()} as {str(extra.value)[:20]}", replace(file, keys=(*others, extra))
        for model in (b"llama", b"t5", b"bert"):
            keys = tuple(replace(k, value=model) if k.name == b"tokenizer.ggml.model" else k for k in others)
            title = f"{model.decode()} with {extra.name.decode()} as {str(extra.value)[:20]}"
            yield title, replace(file, keys=(*keys, extra))
