"""Claims about how the load generator reads a stream, however it is cut."""

import pytest
from bench.load import LoadError, Reading

STREAM = (
    b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
    b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
    b'data: {"choices":[{"delta":{"content":" there"}}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
)


@pytest.mark.parametrize("size", [1, 7, 64, len(STREAM)])
def test_chunks_and_tokens_are_counted_for_any_cut(size: int) -> None:
    reading = Reading()
    for start in range(0, len(STREAM), size):
        reading.take(STREAM[start : start + size], seconds=float(start))
    assert (reading.chunks, reading.tokens(), reading.size) == (5, 2, len(STREAM))


def test_the_first_text_is_not_the_empty_opening_chunk() -> None:
    reading = Reading()
    for second, event in enumerate(STREAM.split(b"\n\n"), start=1):
        reading.take(event + b"\n\n", float(second))
    assert reading.first == 2.0


def test_other_servers_spaces_and_names_are_read_too() -> None:
    reading = Reading()
    reading.take(b'data: {"choices": [{"text": "a"}]}\n\n', 1.0)
    reading.take(b'data: {"usage": {"completion_tokens": 17}}\n\n', 2.0)
    assert (reading.first, reading.tokens()) == (1.0, 17)


def test_a_stream_without_usage_is_no_measurement() -> None:
    reading = Reading()
    reading.take(b'data: {"error":{"message":"no"}}\n\n', 1.0)
    with pytest.raises(LoadError, match="no"):
        reading.tokens()
