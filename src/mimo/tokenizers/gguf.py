"""The tokenizer inside a GGUF, as a `Tokenizer`.

Plain text stays plain: llama.cpp keeps control tokens out when asked, but not those a file marks as "user defined"
(`<think>` in many) nor those its merges happen to spell; where one comes out, its name is cut in two and tokenised
again. It knows no template.
"""

from __future__ import annotations

import ctypes as c
import re
from functools import cached_property

from mimo.contract.errors import EngineError
from mimo.llamacpp.library import Library
from mimo.tokenizers.least import LeastTokens
from mimo.tokenizers.seams import Seams

_UNKNOWN, _UNUSED, _CONTROL, _USER_DEFINED, _STRIPS = 1 << 0, 1 << 1, 1 << 3, 1 << 4, 3 << 7
_SPM, _BPE = 1, 2
"""Kinds of vocabulary whose tokens, joined, are the text, if every byte has one."""

_SHORT, _KNOWN = 200, 1000
"""Characters of a text whose ids are kept, and how many such: the turns that every prompt has come first."""
_LONG = 4096
"""Characters of a text from which on it is worth being cut."""


class Vocabulary:
    """Ids, bytes and names of a loaded model's tokens. Thread-safe: llama.cpp's tokenizer is, and the rest is fixed."""

    def __init__(self, library: Library, model: int) -> None:
        self._library = library
        self._vocab = library.llama_model_get_vocab(model)
        self.vocabulary: int = library.llama_vocab_n_tokens(self._vocab)
        if self.vocabulary <= 0:
            raise EngineError("the file has no tokenizer")
        self._controls: dict[str, int] = {}
        self._special: set[int] = set()
        ends: set[int] = set()
        last = -1
        self._whole = library.llama_vocab_type(self._vocab) in (_SPM, _BPE)
        for token in range(self.vocabulary):
            attributes = library.llama_vocab_get_attr(self._vocab, token)
            if attributes & (_CONTROL | _USER_DEFINED):
                name = library.llama_vocab_get_text(self._vocab, token).decode(errors="replace")
                # "user defined" also marks mere text (runs of spaces); only a tag can steer a model
                if attributes & _CONTROL or (name.startswith("<") and name.endswith(">")):
                    self._controls.setdefault(name, token)
                    self._special.add(token)
                if attributes & _STRIPS and not attributes & _CONTROL:
                    self._whole = False  # it swallows the white space next to it
            if library.llama_vocab_is_eog(self._vocab, token):
                ends.add(token)
            if not attributes & (_UNUSED | _UNKNOWN):
                last = token
        self.end_ids = frozenset(ends)
        self.control_names = tuple(self._controls)
        self.valid: int = last + 1
        """Ids from here on are padding rows that no text can mean; they are never sampled."""
        names = sorted((name for name in self._controls if len(name) > 1), key=len, reverse=True)
        self._names = re.compile("|".join(map(re.escape, names))) if names else None
        self._pieces: dict[int, bytes] = {}
        self._known: dict[str, list[int]] = {}
        self.bos_token = self._name(library.llama_vocab_bos(self._vocab))
        self.eos_token = self._name(library.llama_vocab_eos(self._vocab))

    def _name(self, token: int) -> str:
        return self.piece(token).decode(errors="replace") if 0 <= token < self.vocabulary else ""

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; raises UnicodeEncodeError for a lone surrogate."""
        tokens = self._encode(text)
        if self._names is None or self._special.isdisjoint(tokens):
            return tokens
        tokens, start = [], 0
        for match in self._names.finditer(text):  # cut inside the name: neither half is a control token
            tokens += self._encode(text[start : match.start() + 1])
            start = match.start() + 1
        return tokens + self._encode(text[start:])

    def least_tokens(self, text: str) -> int:
        """A lower bound on the tokens of `text`; 0 for a vocabulary that may drop some of it."""
        return self._least(text.encode()) if self._least is not None else 0

    @cached_property
    def _least(self) -> LeastTokens | None:
        """Found at the first long text: it takes every token's bytes."""
        pieces = {self.piece(token) for token in range(self.valid) if token not in self._special}
        every_byte = all(bytes([byte]) in pieces for byte in range(256))
        return LeastTokens(pieces) if self._whole and every_byte else None

    def _encode(self, text: str) -> list[int]:
        if len(text) > _SHORT:
            return self._tokenize(text)
        known = self._known.get(text)
        if known is None:
            known = self._tokenize(text)
            if len(self._known) < _KNOWN:
                self._known[text] = known
        return known.copy()

    def _tokenize(self, text: str) -> list[int]:
        if len(text) <= _LONG or self._seams is None:
            return self._native(text)
        first, *others = self._seams.cut(text)
        tokens, mark = self._native(first), self._seams.mark
        before = len(self._native(mark))  # it keeps the space away that comes before a text
        for piece in others:
            tokens += self._native(mark + piece)[before:]
        return tokens

    @cached_property
    def _seams(self) -> Seams | None:
        """Found at the first long text; None for a vocabulary that needs none, or may swallow what stands at a seam."""
        kind = self._library.llama_vocab_type(self._vocab)
        name = self._library.llama_vocab_get_text
        texts = (name(self._vocab, token).decode(errors="replace") for token in range(self.vocabulary))
        return Seams(texts) if kind == _SPM and self._whole else None

    def _native(self, text: str) -> list[int]:
        data = text.encode()
        room = len(data) + 8
        buffer = (c.c_int32 * room)()
        count = self._library.llama_tokenize(self._vocab, data, len(data), buffer, room, False, False)
        if count < 0:
            raise EngineError(f"the tokenizer failed on a text of {len(data)} bytes")
        return buffer[:count]

    def control(self, name: str) -> int | None:
        """The id of the control token written `name`."""
        return self._controls.get(name)

    def is_control(self, token: int) -> bool:
        """Whether `token` is a control token."""
        return token in self._special

    def piece(self, token: int) -> bytes:
        """The bytes of `token`; a control token gives its name. Raises IndexError outside the vocabulary."""
        piece = self._pieces.get(token)
        if piece is None:
            if not 0 <= token < self.vocabulary:
                raise IndexError(f"token {token} is outside the vocabulary of {self.vocabulary}")
            buffer = c.create_string_buffer(512)
            count = self._library.llama_token_to_piece(self._vocab, token, buffer, 512, 0, True)
            if count < 0:
                buffer = c.create_string_buffer(-count)
                count = self._library.llama_token_to_piece(self._vocab, token, buffer, -count, 0, True)
            piece = self._pieces[token] = buffer.raw[: max(count, 0)]
        return piece
