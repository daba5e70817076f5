"""Claims about what is made once for a tokenizer: it goes with the tokenizer."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest

from mimo.calls.mimo.end_guard import _ends
from mimo.constraints.llguidance import vocabulary_of
from mimo.output.choice import ChoiceOutput
from mimo.output.text import _WholeTexts, whole_texts
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.tokenizers.plain import PlainTokenizer


@pytest.mark.parametrize("made", [whole_texts, vocabulary_of, _ends])
def test_what_is_made_for_a_tokenizer_is_made_once_and_does_not_keep_it(made: Callable[[Tokenizer], object]) -> None:
    tokenizer = ByteTokenizer()
    assert made(tokenizer) is made(tokenizer)
    gone = weakref.ref(tokenizer)
    del tokenizer
    gc.collect()
    assert gone() is None


def test_completions_leave_no_table_of_texts_behind() -> None:
    def alive() -> int:
        gc.collect()
        return sum(isinstance(thing, _WholeTexts) for thing in gc.get_objects())

    engine, before = ByteTokenizer(), alive()
    for _ in range(50):
        ChoiceOutput(0, PlainTokenizer(engine), thinking=False, in_reasoning=False, stop=())
    assert alive() == before
