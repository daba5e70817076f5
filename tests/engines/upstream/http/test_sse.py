"""Server-sent events in pieces: wherever the bytes are cut, the same events come out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimo.contract.errors import UpstreamError
from mimo.engines.upstream.http import sse
from mimo.engines.upstream.http.sse import Events

STREAM = (
    b': a comment\r\n\r\ndata: {"a": "\xc3\xbc\xf0\x9f\x98\x80"}\n\nevent: error\ndata: one\ndata:two\r\n\r\n'
    b"id: 7\n\ndata: [DONE]\r\r"
)
EVENTS = [b'{"a": "\xc3\xbc\xf0\x9f\x98\x80"}', b"one\ntwo", b"[DONE]"]


@settings(max_examples=300, deadline=None)
@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_cuts_change_nothing(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    events = Events()
    found = [event for left, right in pairwise(edges) for event in events.feed(STREAM[left:right])]
    assert found + events.end() == EVENTS


def test_a_last_event_may_lack_its_blank_line() -> None:
    events = Events()
    assert events.feed(b"data: a\n\ndata: b") == [b"a"]
    assert events.end() == [b"b"]
    assert events.end() == []


def test_an_event_without_end_is_given_up() -> None:
    events = Events()
    with pytest.raises(UpstreamError):
        for _ in range(sse.LARGEST // 2**20 + 2):
            events.feed(b"x" * 2**20)
