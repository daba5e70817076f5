"""Text that arrives in pieces is wrapped: no word that fits is broken, nothing is lost, nothing acts on a terminal."""

from __future__ import annotations

import random

from rich.cells import cell_len

from mimo.cli.chat.wrap import Wrap, visible


def wrapped(pieces: list[str], width: int) -> str:
    wrap = Wrap(width)
    made = [part for piece in pieces for part in wrap.feed(piece)] + wrap.end()
    return "".join(text for text, _ in made)


def test_a_word_that_does_not_fit_goes_to_the_next_line() -> None:
    assert wrapped(["one two th", "ree four"], 9) == "one two\nthree\nfour"


def test_a_word_longer_than_the_line_is_cut_at_the_edge() -> None:
    assert wrapped(["see ", "abcdefghijkl", " end"], 5) == "see\nabcde\nfghij\nkl\nend"


def test_line_ends_and_indentation_are_kept() -> None:
    assert wrapped(["a:\n", "    b\n\n", "c"], 20) == "a:\n    b\n\nc"


def test_wide_letters_break_anywhere_and_never_stand_past_the_edge() -> None:
    assert wrapped(["你好世界"], 5) == "你好\n世界"


def test_any_split_of_a_text_is_wrapped_alike_and_loses_nothing_but_spaces() -> None:
    """Seed 7; a false alarm is impossible: the claim holds for every split."""
    draw = random.Random(7)
    for _ in range(300):
        text = "".join(draw.choice(["word", "a", " ", "  ", "\n", "世", "é", "extraordinarily"]) for _ in range(30))
        width = draw.randrange(2, 30)
        whole = wrapped([text], width)
        pieces, place = [], 0
        while place < len(text):
            step = draw.randrange(1, 5)
            pieces.append(text[place : place + step])
            place += step
        assert wrapped(pieces, width) == whole
        assert all(cell_len(line.rstrip()) <= width for line in whole.split("\n"))
        assert "".join(whole.split()) == "".join(text.split())


def test_a_line_end_of_two_characters_may_come_in_two_pieces() -> None:
    assert wrapped(["a\r", "\nb\r\nc"], 20) == "a\nb\nc"


def test_control_characters_are_shown_and_not_sent() -> None:
    assert visible("a\x1b[31m\x07b\x9bc\u202ed\te\r\nf") == "a␛[31m␇b\ufffdc\ufffdd\te\nf"
