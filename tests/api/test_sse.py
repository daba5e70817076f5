"""Framing: whatever the text, a frame is one line of JSON and a blank line."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from mimo.api.protocols.fields import HEADER_LIMIT, header_list
from mimo.api.sse import Template, frame


@given(st.text())
@example('\u2028\u2029\u0085\r\n\x0b\x0c\x1c\x1d\x1e\0\x7f"\\')
@example("data: [DONE]\n\n")
def test_any_text_fits_into_one_line_and_comes_back(text):
    sent = Template(b'{"content":', b"}").fill(text)
    assert sent.startswith(b"data: ") and sent.endswith(b"\n\n")
    (line, empty, *rest) = sent.decode().split("\n")
    assert (empty, rest) == ("", [""])
    assert len(line.splitlines()) == 1
    assert json.loads(line.removeprefix("data: ")) == {"content": text}


@given(st.text(max_size=40))
def test_a_frame_of_any_document_is_one_line(text):
    line = frame(json.dumps([text], ensure_ascii=False).encode()).decode()[:-2]
    assert len(line.splitlines()) == 1
    assert json.loads(line.removeprefix("data: ")) == [text]


@given(st.lists(st.text(max_size=100), max_size=60).map(tuple))
def test_any_words_make_a_header_that_is_safe_and_short(words):
    line = header_list(words)
    assert len(line) <= HEADER_LIMIT
    assert all(" " <= character <= "~" for character in line)
