"""Claims about bytes becoming characters."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mimo.output.text import Utf8Decoder

fragments = st.one_of(
    st.text(alphabet="aé€😀\u0301\u200d\ufeff\ufffd", max_size=4).map(str.encode),
    st.binary(max_size=3),
    st.sampled_from([b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90", b"\xef\xbf"]),
)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.lists(fragments, max_size=8).map(b"".join), st.data())
def test_any_split_gives_the_text_of_the_whole(data: bytes, draw: st.DataObject) -> None:
    decoder, text, at = Utf8Decoder(), "", 0
    while at < len(data):
        size = draw.draw(st.integers(1, 3))
        text += decoder.push(data[at : at + size])
        at += size
        assert data.decode(errors="replace").startswith(text)
    assert text + decoder.flush() == data.decode(errors="replace")


def test_a_character_split_over_tokens_waits_until_it_is_complete() -> None:
    decoder = Utf8Decoder()
    assert [decoder.push(bytes([byte])) for byte in "😀".encode()] == ["", "", "", "😀"]
    assert decoder.flush() == ""


def test_a_truncated_character_at_the_very_end_is_one_replacement_character() -> None:
    decoder = Utf8Decoder()
    assert decoder.push("a€".encode()[:-1]) == "a"
    assert decoder.flush() == "\ufffd"
    assert decoder.flush() == ""


def test_an_invalid_byte_does_not_hold_back_what_follows() -> None:
    assert Utf8Decoder().push(b"\xffok") == "\ufffdok"


def test_buffered_bytes_know_how_many_characters_they_are_before_a_piece() -> None:
    for held, piece, count in [
        (b"", b"a", 0),
        (b"\xe2\x82", b"\xac", 0),
        (b"\xe2\x82", b"a", 1),
        (b"\xe2\x82", b"", 0),
        (b"\xed", b"\xa0", 1),  # would be a surrogate
        (b"\xed\xa0", b"a", 2),
        (b"\xef\xbf", b"\xbd", 0),  # is U+FFFD itself, well written
    ]:
        decoder = Utf8Decoder()
        decoder.push(held)
        assert decoder.before(piece) == count, (held, piece)
