"""Bodies of very many values: refused before they are decoded, since a decoder is one call that nothing interrupts."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable

import msgspec
import pytest

from mimo.api.body import decode_object
from mimo.api.values import MOST, look, names_in
from mimo.contract.errors import InvalidRequest, RequestTooLarge

FLASH = b'{"model":"mimo-v2-flash","messages":'
MANY = {
    "empty lists": b"[%b[]]" % (b"[]," * 5_000_000),
    "numbers": b"[%b1]" % (b"1," * 8_000_000),
    "names": b"{%b}" % b",".join(b'"%x":1' % number for number in range(1_000_000)),
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/tokenize"])
def test_millions_of_values_are_refused_by_their_number(server, name, path):
    answer = server.post(FLASH + MANY[name] + b"}", path)
    assert answer.status_code == 413, answer.text
    assert f"at most {MOST:,} values" in answer.json()["error"]["message"]


def test_millions_of_values_are_refused_without_making_them():
    """Decoded, they take seconds in which no other thread runs."""
    begun = time.thread_time()
    with pytest.raises(RequestTooLarge):
        decode_object(FLASH + MANY["empty lists"] + b"}")
    assert time.thread_time() - begun < 0.5


def test_a_text_counts_as_one_value_whatever_it_holds():
    for text in ("a,b:[{" * 500_000, '",' * 500_000, '\\",[' * 500_000, "\\" * 2_000_000):
        body = json.dumps({"text": text}).encode()
        assert look(body).values == 3
        assert decode_object(body) == {"text": text}


def test_a_window_of_token_ids_is_not_too_many():
    body = json.dumps({"prompt": list(range(262_144))}).encode()
    assert len(decode_object(body)["prompt"]) == 262_144  # type: ignore[arg-type]


def test_the_count_does_not_depend_on_where_the_pieces_are_cut():
    """500 documents of seed 3, in pieces of 1 to 7 bytes and in one: the same count, that of their values and names,
    and of names alone."""
    dice = random.Random(3)

    def text() -> str:
        return "".join(dice.choice('a",:[{}]\\ü') for _ in range(dice.randrange(6)))

    def value(depth: int) -> tuple[object, int]:
        """A value, and how many marks stand before values in it."""
        kind = dice.randrange(4) if depth else 0
        if kind < 2:
            return dice.choice((text(), 1, None, -2.5)), 0
        items = [value(depth - 1) for _ in range(dice.randrange(4))]
        marks = 1 + max(0, len(items) - 1) + sum(inner for _, inner in items)
        if kind == 2:
            return [item for item, _ in items], marks
        return {f"{at}{text()}": item for at, (item, _) in enumerate(items)}, marks + len(items)

    for _ in range(500):
        made, marks = value(4)
        body = json.dumps(made, ensure_ascii=dice.random() < 0.5).encode()
        found = [look(body, 10**9, size) for size in (1, 2, 3, 7, 1 << 16)]
        assert {one.values for one in found} == {1 + marks}, body
        assert {one.names for one in found} == {names_in(made)}, body


@pytest.mark.parametrize("number", ["1" * 4000, "-" + "9" * 401])
def test_a_number_of_thousands_of_digits_is_refused(number):
    with pytest.raises(InvalidRequest, match="too long"):
        decode_object(b'{"seed":%b}' % number.encode())


FILL = b'{"fill":"%b",' % (b"x" * 70_000)
"""The beginning of a body that is large enough to be decoded as such."""


@pytest.mark.parametrize("number", ["1" * 4000, "-" + "9" * 401, "[" + "1," * 40_000 + "9" * 401 + "]"])
def test_a_long_number_in_a_large_body_is_refused_and_a_long_text_is_not(number):
    with pytest.raises(InvalidRequest, match="too long"):
        decode_object(FILL + b'"seed":%b}' % number.encode())
    assert decode_object(FILL + b'"seed":"%b"}' % number.encode())["seed"] == number
    assert decode_object(FILL + b'"seed":0.%b}' % (b"5" * 4000)) == {"fill": "x" * 70_000, "seed": 5 / 9}


@pytest.mark.parametrize("inner", [b'"a":1,"a":1', b'"a":1,"\\u0061":1', b'"b":[[{"a":1,"c":{"d":2,"d":2}}]]'])
def test_a_name_that_stands_twice_in_a_large_body_is_refused(inner):
    """The error names it where that takes little."""
    with pytest.raises(InvalidRequest, match=r'holds "[ad]" twice in one object'):
        decode_object(FILL + inner + b"}")
    with pytest.raises(InvalidRequest, match="a name twice in one object"):
        decode_object(b'{"more":"%b",' % (b":" * 600_000) + inner + b"}")


def test_a_large_body_is_decoded_by_the_fast_decoder_alone():
    """In processor time of this thread, the least of 5: twice that decoder, where it was five times."""
    body = json.dumps({"logit_bias": {str(at): 1 for at in range(100_000)}}).encode()

    def seconds(decode: Callable[[bytes], object]) -> float:
        begun = time.thread_time()
        decode(body)
        return time.thread_time() - begun

    ours, theirs = (min(seconds(decode) for _ in range(5)) for decode in (decode_object, msgspec.json.decode))
    assert ours < 3.5 * theirs
