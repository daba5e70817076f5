"""POST /tokenize and /detokenize, GET /tokenizer_info: the shapes that vLLM's clients send and read."""

from __future__ import annotations

import pytest

HELLO = [{"role": "user", "content": "hello"}]


def tokens(server, **fields):
    return server.http.post("/tokenize", json=fields)


def test_a_prompt_becomes_the_ids_that_completions_counts(server):
    assert tokens(server, prompt="hé!").json() == {
        "count": 4,
        "max_model_len": server.engine.info.context_window,
        "tokens": [104, 195, 169, 33],
        "token_strs": None,
    }
    named = {"model": "mimo-v2-flash", "prompt": "a<|im_end|>"}
    answer = server.http.post("/v1/completions", json={**named, "max_tokens": 1}).json()
    assert tokens(server, **named).json()["count"] == answer["usage"]["prompt_tokens"]
    assert tokens(server, prompt="ab", return_token_strs=True).json()["token_strs"] == ["a", "b"]


def test_a_conversation_becomes_the_prompt_that_chat_counts(server):
    ours = server.http.post("/v1/tokenize", json={"model": "mimo-v2-flash", "messages": HELLO}).json()["ids"]
    assert tokens(server, model="mimo-v2-flash", messages=HELLO, add_generation_prompt=True).json()["tokens"] == ours


def test_what_cannot_be_done_is_reported_or_refused_by_name(server):
    answer = tokens(server, prompt="a", add_special_tokens=False, zzz=1)
    assert (answer.status_code, answer.json()["tokens"]) == (200, [97])
    assert "zzz" in answer.headers["x-mimo-ignored"]
    refused = tokens(server, model="mimo-v2-flash", messages=HELLO, add_generation_prompt=False)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "add_generation_prompt")


def test_ids_become_text_again(server):
    ids = tokens(server, prompt="grüße").json()["tokens"]
    assert server.http.post("/detokenize", json={"tokens": ids}).json() == {"prompt": "grüße"}
    assert server.http.post("/detokenize", json={"tokens": []}).json() == {"prompt": ""}


def test_the_names_of_tokens_lead_to_their_ids(server):
    info = server.http.get("/tokenizer_info").json()
    assert info["eos_token"] == "<|im_end|>"
    ids = tokens(server, prompt=info["eos_token"], add_special_tokens=False).json()["tokens"]
    assert ids == [server.engine.tokenizer.control("<|im_end|>")]
    assert {"tokenizer_class", "bos_token", "pad_token", "chat_template"} <= info.keys()


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        ("/tokenize", {}, "prompt"),
        ("/tokenize", {"prompt": "a", "messages": HELLO}, "prompt"),
        ("/tokenize", {"prompt": 5}, "prompt"),
        ("/tokenize", {"prompt": ["a"]}, "prompt"),
        ("/tokenize", {"messages": []}, "messages"),
        ("/tokenize", {"prompt": "a", "return_token_strs": 1}, "return_token_strs"),
        ("/detokenize", {}, "tokens"),
        ("/detokenize", {"tokens": "a"}, "tokens"),
        ("/detokenize", {"tokens": [97, -1]}, "tokens[1]"),
        ("/detokenize", {"tokens": [True]}, "tokens[0]"),
        ("/detokenize", {"tokens": [10**9]}, "tokens[0]"),
    ],
    ids=str,
)
def test_what_it_cannot_read_is_refused_by_name(server, path, fields, param):
    answer = server.http.post(path, json=fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
