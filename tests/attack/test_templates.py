"""Every hostile chat template ends in a refusal within its bounds, and the next message is answered."""

from __future__ import annotations

import time

import pytest

from mimo.chat.jinja.format import JinjaFormat
from mimo.chat.jinja.renderer import Bounds
from mimo.contract.errors import InvalidRequest
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import Message
from tests.attack.hostile_templates import templates

pytestmark = pytest.mark.attack

CASES = dict(templates())
BOUNDS = Bounds(seconds=0.5, memory=256 * 2**20, patience=60)


def test_there_are_more_than_150() -> None:
    assert len(CASES) == len(list(templates())) > 150


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_template_is_refused_and_answers_the_next_message(name: str) -> None:
    form = JinjaFormat(ByteTokenizer(), CASES[name], BOUNDS)
    try:
        begun = time.monotonic()
        with pytest.raises(InvalidRequest, match="chat template") as refused:
            form.render([Message("user", "bomb")], thinking=False)
        assert time.monotonic() - begun < 30
        refused.value.message.encode()
        assert len(refused.value.message) < 1000
        assert bytes(form.render([Message("user", "hi")], thinking=False).tokens) == b"hi"
    finally:
        form.close()
