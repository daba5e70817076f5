"""An answer on a terminal: colours of probability, thoughts that fold, counts."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from mimo.cli.chat.screen import SCALE, Screen, colour, counts, legend
from mimo.cli.chat.wire import Ending, Piece, Token, Usage


def shown(*pieces: Piece, no_color: bool = False, **how: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, width=40, force_terminal=True, color_system="standard", no_color=no_color,
                      highlight=False, markup=False, legacy_windows=False)  # fmt: skip
    screen = Screen(console, **how)
    for piece in pieces:
        screen.show(piece)
    screen.end(Ending("stop", Usage(3, 2)))
    return file.getvalue()


def said(text: str, probability: float) -> Piece:
    return Piece(text, tokens=(Token(text, math.log(probability)),))


def test_a_token_has_the_colour_of_its_probability() -> None:
    screen = shown(said("sure", 0.95), said(" so", 0.3), said(" never", 0.01))
    assert "sure \x1b[33mso\x1b[0m \x1b[1;4;31mnever\x1b[0m" in screen


def test_without_colours_an_unlikely_token_still_stands_out() -> None:
    screen = shown(said("so", 0.3), said(" never", 0.01), no_color=True, counts=False)
    assert "31" not in screen and "33" not in screen and "\x1b[1;4mnever\x1b[0m" in screen


def test_text_that_is_not_its_tokens_has_the_colour_of_the_least_likely() -> None:
    piece = Piece("é", tokens=(Token("\ufffd", math.log(0.9)), Token("\ufffd", math.log(0.06))))
    assert "\x1b[31mé\x1b[0m" in shown(piece)


@pytest.mark.parametrize("logprob", [0.0, 1e-9, -1e-9, -5.0, -9999.0, -math.inf])
def test_every_logprob_has_a_colour_that_the_legend_shows(logprob: float) -> None:
    style = colour(Token("x", logprob))
    assert style in {style for _, style in SCALE}
    assert len(legend().spans) == len(SCALE)


@pytest.mark.parametrize("fold", [True, False])
def test_thoughts_leave_one_line_or_none(fold: bool) -> None:
    screen = shown(Piece("a\nb\nc\nd\ne\nf", True), Piece("Yes."), fold=fold)
    tail = screen[screen.rindex("\x1b[2K") :]  # after the last line that was taken off the screen
    assert ("thought for" in tail) is fold and "Yes." in tail and "│" not in tail


def test_thoughts_inside_an_answer_do_not_cut_it() -> None:
    screen = shown(Piece("Ye"), Piece("Hm", True), Piece("s. "), Piece("Hm", True), Piece("No."))
    assert screen.startswith("Yes. No.\n")


def test_white_space_before_an_answer_is_not_shown_and_none_inside_is_lost() -> None:
    assert shown(Piece("\n\n "), Piece(" Yes,\n"), Piece("  no.")).startswith("Yes,\n  no.\n")


def test_counts_are_in_one_line_and_say_how_it_ended() -> None:
    usage = Usage(95, 93)
    assert counts(Ending("stop", usage), 0.02, 0.5) == "93 tokens · 184 tokens/s · first 0.02 s · prompt 95"
    assert "3.14 tokens/s" in counts(Ending("stop", Usage(1, 23)), 0.0, 7.0)
    assert "1,840 tokens/s" in counts(Ending("stop", usage), 0.02, 0.05)
    assert counts(Ending("length", Usage()), 0.02, 0.0) == "cut at max_completion_tokens · first 0.02 s"
    assert counts(Ending("content_filter", Usage()), 0.5, 0.0).startswith("ended by content_filter")
