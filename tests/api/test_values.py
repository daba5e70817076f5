"""Bodies of very many values: refused before they are decoded, since a decoder is one call that nothing interrupts."""

from __future__ import annotations

import json
import random
import time

import pytest

from mimo.api.body import decode_object
from mimo.api.values import MOST, count, too_many
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
        assert not too_many(body)
        assert decode_object(body) == {"text": text}


def test_a_window_of_token_ids_is_not_too_many():
    body = json.dumps({"prompt": list(range(262_144))}).encode()
    assert len(decode_object(body)["prompt"]) == 262_144  # type: ignore[arg-type]


def test_the_count_does_not_depend_on_where_the_pieces_are_cut():
    """500 documents of seed 3, in pieces of 1 to 7 bytes and in one: the same count, that of their values and names."""
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
        assert {count(body, 10**9, size) for size in (1, 2, 3, 7, 1 << 16)} == {1 + marks}, body


@pytest.mark.parametrize("number", ["1" * 4000, "-" + "9" * 401])
def test_a_number_of_thousands_of_digits_is_refused(number):
    with pytest.raises(InvalidRequest, match="too long"):
        decode_object(b'{"seed":%b}' % number.encode())
