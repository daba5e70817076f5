"""Nano's tokenizer: a byte-level BPE learnt from the generated text, one digit a token, special tokens first.

`python -m training.tokenizer OUT.json` makes it. Plain text can never yield a special token: those are not in the
BPE's merges, and `Tokenizer.encode` only adds them where the renderer says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import tokenizers
from tokenizers import Regex, models, pre_tokenizers, trainers

from training.chat import SPECIALS, Conversation, pieces

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def around(model: models.BPE) -> tokenizers.Tokenizer:
    """A model with Qwen2's way of cutting text before it."""
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = tokenizers.decoders.ByteLevel()
    return made


def read(gguf_path: Path) -> str:
    """The same JSON out of a GGUF."""
    import gguf

    reader = gguf.GGUFReader(gguf_path)
    tokens, merges = (reader.fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "merges"))
    pairs = [tuple(merge.split(" ", 1)) for merge in merges]
    return around(models.BPE({token: i for i, token in enumerate(tokens)}, pairs)).to_str()


def learn(texts: Iterable[str], vocabulary: int) -> str:
    """The tokenizer's JSON, without special tokens in its normal path."""
    made = around(models.BPE(byte_fallback=False))
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    data = json.loads(made.to_str())
    data["added_tokens"] = []
    return json.dumps(data, ensure_ascii=False)


class Tokenizer:
    """Pieces to ids and back; from the JSON or from a GGUF."""

    def __init__(self, path: Path) -> None:
        self.data = json.loads(read(path) if path.suffix == ".gguf" else path.read_text("utf-8"))
        self.bpe = tokenizers.Tokenizer.from_str(json.dumps(self.data))
        self.special = {name: i for i, name in enumerate(SPECIALS)}
        self.vocabulary: dict[str, int] = self.data["model"]["vocab"]

    def encode(self, conversation: Conversation, thinking: bool | None = None) -> tuple[list[int], list[bool]]:
        """Ids and whether each is learnt."""
        ids: list[int] = []
        learnt: list[bool] = []
        for piece in merged(pieces(conversation, thinking)):
            new = [self.special[piece[0]]] if piece[1] else self.bpe.encode(piece[0]).ids
            ids += new
            learnt += [piece[2]] * len(new)
        return ids, learnt

    def text(self, ids: list[int]) -> str:
        """Readable text, special tokens by name."""
        out, run = "", []
        for i in [*ids, -1]:
            if i == -1 or i < len(SPECIALS):
                out += self.bpe.decode(run) + (SPECIALS[i] if i >= 0 else "")
                run = []
            else:
                run.append(i)
        return out


def merged(parts: Iterable) -> list[tuple[str, bool, bool]]:
    """Neighbouring plain pieces of the same kind joined, so that they are tokenised as one text."""
    out: list[tuple[str, bool, bool]] = []
    for piece in parts:
        if out and not piece.special and not out[-1][1] and out[-1][2] == piece.learnt:
            out[-1] = (out[-1][0] + piece.text, False, piece.learnt)
        else:
            out.append((piece.text, piece.special, piece.learnt))
    return out


def texts_of(conversation: Conversation) -> Iterable[str]:
    """Plain text of a conversation, for learning merges.

    A line break is put between a mark and the word after it, so that no token is both (`>rice`, `"rice`): a word is
    then copied from a sentence into a call or into JSON as the same one or two tokens, seen there before or not.
    """
    return (
        re.sub(r"([^\s\w']|_)(?=\w)", r"\1\n", text) for text, special, _ in merged(pieces(conversation)) if not special
    )
