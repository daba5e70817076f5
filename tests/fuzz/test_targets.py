"""No request and no turn of a model raises anything but an `ApiError`, or hangs: hypothesis, and the kept corpus."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.bodies import BODIES, check_of
from tests.fuzz.fuzz import CORPUS, input_of
from tests.fuzz.targets import TARGETS

PIECES = [
    b"<function=f>",
    b"<parameter=a>",
    b"</parameter>",
    b"</function>",
    b"\n",
    b"{",
    b'"name":"f"',
    b"END",
    b"\xc3",
]
turns = st.lists(
    st.sampled_from(PIECES) | st.binary(max_size=3) | st.sampled_from([bytes([b]) for b in range(247, 256)])
)


@pytest.mark.parametrize("target", BODIES)
def test_no_request_raises_anything_but_an_api_error(target):
    check_of(target, examples=300)()


@pytest.mark.parametrize("target", BODIES)
def test_no_bytes_raise_anything_but_an_api_error(target):
    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=80))
    def check(body):
        TARGETS[target](body)

    check()


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 3), st.integers(1, 31), turns)
def test_no_turn_of_a_model_breaks_the_tool_parser(flags, size, turn):
    TARGETS["tools"](bytes([flags, size]) + b"".join(turn))


@pytest.mark.parametrize("target", TARGETS)
def test_what_fuzzing_found_interesting_stays_harmless(target):
    for path in sorted((CORPUS / target).glob("*")):
        input_of(target)(path.read_bytes())
