"""Questions on media as tensors for the language model: conversations side by side, which share what they begin with.

A medium is so many rows, `<|image_pad|>` between its marks; what embeddings stand there is for others. Knows no pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from training.chat import SYSTEM
from training.model import Nano
from training.tokenizer import Tokenizer
from training.towers.facts import QUESTIONS, REASONS, Facts, Sense, said

EACH = 4
"""Conversations to a row of tokens."""
MARKS: dict[Sense, tuple[str, str, str]] = {
    "image": ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>"),
    "audio": ("<|mimo_audio_start|>", "<|audio_pad|>", "<|mimo_audio_end|>"),
}
"""What the library puts around a medium, and what stands for its rows here."""
SYSTEMS = (SYSTEM, SYSTEM, SYSTEM, "You are a helpful assistant.", "Answer shortly.")


@dataclass(frozen=True, slots=True)
class Asking:
    """All [packs, time]; `owner`: the number of the conversation, -1 for none; `rows`: where the rows of media stand,
    in the order of the conversations."""

    tokens: Tensor
    positions: Tensor
    document: Tensor
    learnt: Tensor
    owner: Tensor
    rows: Tensor

    def to(self, device: str) -> Asking:
        """The same there."""
        return Asking(*(getattr(self, field.name).to(device) for field in fields(self)))


class Asker:
    """Makes conversations of facts with the tokenizer of the language model."""

    def __init__(self, tokenizer: Tokenizer, sense: Sense) -> None:
        self._special, self._encode = tokenizer.special, lambda text: tokenizer.bpe.encode(text).ids
        self._begin, self._pad, self._end = (self._ids(mark) for mark in MARKS[sense])
        self._questions, self._reason = QUESTIONS[sense], self._encode(REASONS[sense])

    def _ids(self, mark: str) -> list[int]:
        return [self._special[mark]] if mark in self._special else self._encode(mark)

    def prefix(self, system: str) -> list[int]:
        """What a conversation begins with."""
        begin, end = self._special["<|im_start|>"], self._special["<|im_end|>"]
        return [begin, *self._encode(f"system\n{system}"), end, begin, *self._encode("user\n")]

    def medium(self, rows: int) -> list[int]:
        """A medium of so many rows."""
        return [*self._begin, *self._pad * rows, *self._end]

    def turns(self, rng: Random, facts: Facts, rows: int) -> tuple[list[int], list[bool]]:
        """The tokens after the prefix, and which are learnt. One time in five more is asked of the same medium."""
        special, encode = self._special, self._encode
        begin, end = special["<|im_start|>"], special["<|im_end|>"]
        said_of, think, thought = encode(said(facts)), special["<think>"], special["</think>"]
        tokens: list[int] = []
        learnt: list[bool] = []
        count, thinking = 2 if rng.random() < 0.2 else 1, rng.random() < 0.5
        for at in range(count):
            ask = encode(rng.choice(self._questions))
            if at == 0:  # the medium stands before the first question or after it
                ask = [*self.medium(rows), *ask] if rng.random() < 0.6 else [*ask, *self.medium(rows)]
            else:
                ask = [begin, *encode("user\n"), *ask]
            ask += [end, begin, *encode("assistant\n")]
            if thinking and at + 1 == count:
                answer = [think, *self._reason, thought, *said_of, end]
            else:  # earlier turns lose their reasoning
                ask, answer = [*ask, think, thought], [*said_of, end]
            tokens, learnt = tokens + ask + answer, learnt + [False] * len(ask) + [True] * len(answer)
        return tokens, learnt

    def of(self, rng: Random, facts: Sequence[Facts], rows: Sequence[int]) -> Asking:
        """Conversations on each of `facts` in so many rows."""
        packs = []
        for first in range(0, len(facts), EACH):
            prefix = self.prefix(rng.choice(SYSTEMS))
            pack = [(token, at, -1, False, -1) for at, token in enumerate(prefix)]
            for owner in range(first, min(first + EACH, len(facts))):
                tokens, learnt = self.turns(rng, facts[owner], rows[owner])
                pack += [
                    (token, len(prefix) + at, owner, good, owner)
                    for at, (token, good) in enumerate(zip(tokens, learnt, strict=True))
                ]
            packs.append(pack)
        longest = max(map(len, packs))
        blank = (0, 0, 2**30, False, -1)
        table = torch.tensor(
            [[[int(x) for x in one] for one in [*pack, *[blank] * (longest - len(pack))]] for pack in packs]
        )
        tokens, positions, document, learnt_of, owner_of = table.unbind(-1)
        pad = tokens == self._pad[0]
        return Asking(tokens, positions, document, learnt_of.bool(), owner_of, pad)


def logits_of(nano: Nano, asking: Asking, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of the learnt tokens with `rows` [all rows, width] in the media's places, those tokens, and the
    conversation of each."""
    embeds = nano.model.embed_tokens(asking.tokens)
    embeds = embeds.masked_scatter(asking.rows[:, :, None], rows.to(embeds.dtype))
    hidden, _ = nano.model(asking.tokens, asking.positions, asking.document, embeds=embeds)
    wanted = asking.learnt[:, 1:]
    found = nano.lm_head(hidden[:, :-1][wanted]).float()
    return found, asking.tokens[:, 1:][wanted], asking.owner[:, 1:][wanted]


def loss_of(nano: Nano, asking: Asking, rows: Tensor) -> tuple[Tensor, set[int]]:
    """The loss of the answers, a long one no more than a short one; and the conversations in which some token of them
    is not the likeliest."""
    logits, wanted, owner = logits_of(nano, asking, rows)
    wrong = set(owner[logits.argmax(-1) != wanted].tolist())
    share = 1.0 / torch.bincount(owner)[owner]
    return (F.cross_entropy(logits, wanted, reduction="none") * share).sum() / share.sum(), wrong
