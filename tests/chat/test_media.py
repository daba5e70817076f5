"""Claims about media in prompts: they stand where the client put them, in MiMo's format and in any template's."""

from __future__ import annotations

import pytest

from mimo.chat.jinja.chatml import CHATML
from mimo.chat.jinja.format import JinjaFormat
from mimo.chat.mimo.format import MimoFormat
from mimo.contract.errors import UnsupportedInput
from mimo.tokenizers.bytes import ByteTokenizer
from mimo.types import Media, Message

ONE = Media("image", "data:,", "messages[0].content[1]")
TWO = Media("audio", "data:,", "messages[0].content[3]")
ROWS = {id(ONE): (-1, -2), id(TWO): (-3,)}
PARTS = ("before", ONE, "between", TWO, "after", "more")
MESSAGE = Message("user", "before\nbetween\nafter\nmore", parts=PARTS)


def written(tokens: tuple[int, ...]) -> str:
    """Text as it is, rows as their numbers in brackets."""
    piece = ByteTokenizer().piece
    return b"".join(piece(token) if token >= 0 else b"[%d]" % -token for token in tokens).decode()


@pytest.mark.parametrize("form", [MimoFormat(ByteTokenizer()), JinjaFormat(ByteTokenizer(), CHATML)])
def test_media_stand_where_they_were_put_and_texts_that_follow_each_other_are_lines(
    form: MimoFormat | JinjaFormat,
) -> None:
    prompt = form.render([MESSAGE], thinking=False, rows_of=lambda media: ROWS[id(media)])
    assert "before[1][2]between[3]after\nmore" in written(prompt.tokens)
    form.close()


def test_media_in_the_result_of_a_tool_stand_in_it() -> None:
    messages = [Message("user", "look"), Message("tool", "here", tool_call_id="a", parts=("here", ONE))]
    prompt = MimoFormat(ByteTokenizer()).render(messages, thinking=False, rows_of=lambda media: ROWS[id(media)])
    assert "<tool_response>\nhere[1][2]\n</tool_response>" in written(prompt.tokens)


def test_media_are_refused_where_nothing_can_stand_for_them() -> None:
    with pytest.raises(UnsupportedInput) as refused:
        MimoFormat(ByteTokenizer()).render([MESSAGE], thinking=False)
    assert refused.value.param == ONE.path


@pytest.mark.parametrize("template", ["{{ messages[0].content[:12] }}", "{{ messages[0].content * 2 }}"])
def test_a_template_that_loses_or_doubles_media_is_refused(template: str) -> None:
    form = JinjaFormat(ByteTokenizer(), template)
    with pytest.raises(UnsupportedInput, match="does not write what stands for media"):
        form.render([MESSAGE], thinking=False, rows_of=lambda media: ROWS[id(media)])
    form.close()
