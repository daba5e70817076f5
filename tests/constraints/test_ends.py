"""`min_tokens` and `ignore_eos`: the turn ends no sooner, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from tests.requests import constrain, sampling

from mimo.constraints.ends import OpenEnd
from mimo.sampling import Sampler
from mimo.tokenizers.bytes import ByteTokenizer

TOKENIZER = ByteTokenizer()
END = min(TOKENIZER.end_ids)


def may(allowed: object, token: int) -> bool:
    """Whether the bit of `token` is set, or all is allowed."""
    return allowed is None or bool(np.asarray(allowed)[token // 32] >> (token % 32) & 1)


@pytest.mark.parametrize("least", [1, 5, 40])
def test_the_end_of_the_turn_is_not_drawn_before_min_tokens_however_likely(least: int) -> None:
    made = constrain(TOKENIZER, min_tokens=least)
    assert made is not None
    sampler = Sampler(1, TOKENIZER.vocabulary, threads=1)
    sampler.begin(0, sampling(temperature=0.0), constraint=made(0, 40))
    drawn = []
    while END not in drawn and len(drawn) < 40:
        z = np.zeros((1, TOKENIZER.vocabulary), np.float32)
        z[0, list(TOKENIZER.end_ids)], z[0, 97] = 1000, 1
        drawn += sampler.sample(z, [0]).tokens
    assert drawn == [97] * least + [END] * (least < 40)


def test_a_thinking_budget_still_holds_and_the_mask_changes_only_with_the_rule() -> None:
    made = constrain(TOKENIZER, min_tokens=8, thinking_budget=2, in_reasoning=True, thinking=True)
    rule = made(0, 20) if made else None
    assert isinstance(rule, OpenEnd)
    first = rule.allowed()
    assert rule.allowed() is first and not may(first, END) and may(first, 97)
    for _ in range(2):
        rule.accept(97)
    assert rule.allowed() == TOKENIZER.control("</think>")
    rule.accept(rule.allowed())  # type: ignore[arg-type]
    for count in range(3, 8):
        assert not may(rule.allowed(), END), count
        rule.accept(97)
    assert rule.allowed() is None


def test_without_them_there_is_no_constraint() -> None:
    assert constrain(TOKENIZER) is None
