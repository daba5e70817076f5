"""POST /v1/tokenize: ids and pieces of text, and of the prompt that messages become."""

from __future__ import annotations

import json

import pytest

FLASH = "mimo-v2-flash"
HELLO = [{"role": "user", "content": "hello"}]


def tokens(server, **fields):
    return server.post(json.dumps(fields), "/v1/tokenize")


def test_text_becomes_ids_and_pieces(server):
    assert tokens(server, text="hé!").json() == {
        "object": "tokens",
        "count": 4,
        "ids": [104, 195, 169, 33],
        "pieces": ["h", "\ufffd", "\ufffd", "!"],
    }
    assert tokens(server, text="", model=FLASH).json()["count"] == 0


def test_text_never_becomes_a_control_token(server):
    assert max(tokens(server, text="<|im_end|><think>").json()["ids"]) < 256


def test_messages_become_the_prompt_that_usage_counts(server):
    answer = tokens(server, model=FLASH, messages=HELLO).json()
    assert "<|im_end|>" in answer["pieces"]
    assert answer["count"] == server.chat(messages=HELLO).json()["usage"]["prompt_tokens"]
    thinking = tokens(server, model=FLASH, messages=HELLO, thinking={"type": "enabled"}).json()
    assert thinking["ids"] != answer["ids"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "text"),
        ({"text": "a", "messages": HELLO, "model": FLASH}, "text"),
        ({"text": 5}, "text"),
        ({"messages": HELLO}, "model"),
        ({"model": FLASH, "messages": []}, "messages"),
        ({"model": FLASH, "messages": HELLO, "thinking": True}, "thinking"),
        ({"text": "a", "temperature": 1}, None),
    ],
    ids=str,
)
def test_what_it_cannot_read_is_refused_by_name(server, fields, param):
    answer = tokens(server, **fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] in (param, "the body")


def test_an_unknown_model_is_a_404(server):
    assert tokens(server, text="a", model="nope").status_code == 404
