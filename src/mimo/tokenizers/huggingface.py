"""A Hugging Face tokenizer.json as a `Tokenizer`, read with the tokenizers library.

Control tokens are kept out of plain text by encoding with a copy that has none. Knows byte-level BPE (Qwen, MiMo,
Llama 3) and SentencePiece pieces (`▁`, `<0x0A>`); no template is rendered here.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Library

from mimo.contract.errors import EngineError
from mimo.tokenizers.least import LeastTokens

_END_NAMES = ("<|endoftext|>", "<|im_end|>")
"""Looked up by name as well: some snapshots of MiMo declare one of the two only."""


class JsonTokenizer:
    """The vocabulary in `file`; end tokens and padding rows from the files in its folder. Safe from any thread."""

    def __init__(self, file: Path) -> None:
        try:
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            whole = Library.from_str(json.dumps(content))
            added = content.get("added_tokens") or []
            tags = [row for row in added if row["special"] or _is_tag(row["content"])]
            plain = {**content, "added_tokens": [row for row in added if row not in tags], "post_processor": None}
            self._encoder = Library.from_str(json.dumps(plain))
        except Exception as problem:  # the library raises bare Exception
            raise EngineError(f"{file}: not a tokenizer: {problem}") from problem
        self._controls: dict[str, int] = {row["content"]: row["id"] for row in tags}
        self._special = frozenset(self._controls.values())
        names: dict[str, int] = whole.get_vocab(with_added_tokens=True)
        folder = file.parent
        self.vocabulary = max(1 + max(names.values(), default=0), _config(folder).get("vocab_size") or 0)
        literal = {row["id"] for row in added}
        byte_level = "ByteLevel" in json.dumps([content.get("decoder"), content.get("pre_tokenizer")])
        self._pieces = [b""] * self.vocabulary
        for name, token in names.items():
            self._pieces[token] = name.encode() if token in literal else _bytes(name, byte_level)
        self._whole = byte_level and _is_whole(plain)
        self.control_names = tuple(self._controls)
        said = read_json(folder / "tokenizer_config.json")
        self.bos_token = _name(said.get("bos_token"))
        self.eos_token = _name(said.get("eos_token"))
        declared = read_json(folder / "generation_config.json").get("eos_token_id", _config(folder).get("eos_token_id"))
        ends = {declared} if isinstance(declared, int) else set(declared or ())
        ends |= {self._controls[name] for name in (self.eos_token, *_END_NAMES) if name in self._controls}
        self.end_ids = frozenset(ends)

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; raises UnicodeEncodeError for a lone surrogate."""
        text.encode()
        ids: list[int] = self._encoder.encode(text, add_special_tokens=False).ids
        return ids

    def least_tokens(self, text: str) -> int:
        """A lower bound on the tokens of `text`; 0 for a vocabulary that may drop or rewrite some of it."""
        if self._least is None:
            return 0
        normalizer = self._encoder.normalizer
        return self._least((normalizer.normalize_str(text) if normalizer else text).encode())

    @cached_property
    def _least(self) -> LeastTokens | None:
        """Found at the first long text."""
        pieces = {piece for token, piece in enumerate(self._pieces) if token not in self._special}
        every_byte = all(bytes([byte]) in pieces for byte in range(256))
        return LeastTokens(pieces) if self._whole and every_byte else None

    def control(self, name: str) -> int | None:
        """The id of the control token written `name`."""
        return self._controls.get(name)

    def is_control(self, token: int) -> bool:
        """Whether `token` is a control token."""
        return token in self._special

    def piece(self, token: int) -> bytes:
        """The bytes of `token`; padding rows have none. Raises IndexError outside the vocabulary."""
        if token < 0:
            raise IndexError(f"token {token} is outside the vocabulary")
        return self._pieces[token]


def read_json(file: Path) -> dict[str, Any]:
    """The object in `file`, or an empty one."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def chat_template(folder: Path) -> str | None:
    """The template in the folder of a tokenizer.json, if any."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    template = read_json(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(template, list):  # several, by name
        template = next((row.get("template") for row in template if row.get("name") == "default"), None)
    return template if isinstance(template, str) else None


def model_type(folder: Path) -> str | None:
    """What config.json calls the architecture."""
    kind = read_json(folder / "config.json").get("model_type")
    return kind if isinstance(kind, str) else None


def _is_whole(content: dict[str, Any]) -> bool:
    """Whether the tokens of a text, joined, are the text as its normalizer wrote it: nothing dropped, nothing cut."""
    steps = content.get("pre_tokenizer") or {}
    kept = all(
        step.get("type") in ("Split", "ByteLevel", "Digits") and step.get("behavior") != "Removed"
        for step in steps.get("pretokenizers", [steps])
    )
    strips = any(row.get("lstrip") or row.get("rstrip") for row in content["added_tokens"])
    normal = (content.get("normalizer") or {}).get("type") in (None, "NFC")
    return bool(
        kept and normal and not strips and content["model"].get("type") == "BPE" and not content.get("truncation")
    )


def _config(folder: Path) -> dict[str, Any]:
    config = read_json(folder / "config.json")
    inner = config.get("text_config")
    return {**config, **inner} if isinstance(inner, dict) else config


def _is_tag(text: str) -> bool:
    return text.startswith("<") and text.endswith(">")


def _name(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else ""


def _byte_letters() -> dict[str, int]:
    """Byte-level BPE writes each byte as one letter: printable ones as they are, the others from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(others)}


_BYTE_OF = _byte_letters()


def _bytes(name: str, byte_level: bool) -> bytes:
    if byte_level:
        return bytes(_BYTE_OF[letter] for letter in name) if all(c in _BYTE_OF for c in name) else name.encode()
    if len(name) == 6 and name.startswith("<0x") and name.endswith(">"):
        return bytes([int(name[3:5], 16)])
    return name.replace("▁", " ").encode()
