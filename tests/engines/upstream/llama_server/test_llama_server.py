"""The contract through mimo on a real llama-server, and what the same server does when it is asked directly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.engines.upstream.fronts import Front, until

from mimo.engines.upstream.raw.missing_tokens import MissingTokens
from mimo.nano import gguf_path
from mimo.tokenizers.load import load_tokenizer

STORY = "Tell me a story."
THINKING = {"type": "enabled"}


@pytest.fixture(scope="module")
def direct(real_url: str) -> Iterator[httpx.Client]:
    """The llama-server itself."""
    with httpx.Client(base_url=real_url, timeout=120) as client:
        yield client


def ask(client: httpx.Client, text: str = STORY, **fields: Any) -> httpx.Response:
    body = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": text}], **fields}
    return client.post("/v1/chat/completions", json=body)


def test_it_says_who_answers(real: Front) -> None:
    served = real.http.get("/v1/models/mimo-v2-flash").json()["served_by"]
    assert (served["engine"], served["model"], served["context_window"]) == ("llama-server", "nano", 1024)


def test_an_answer_has_text_counts_and_an_end(real: Front) -> None:
    body = real.chat(STORY, seed=1).json()
    choice, usage = body["choices"][0], body["usage"]
    assert choice["finish_reason"] == "stop"
    assert len(choice["message"]["content"]) > 40
    assert "<" not in choice["message"]["content"]
    assert usage["prompt_tokens"] == 30
    assert usage["completion_tokens"] > 10


@pytest.mark.parametrize("fields", [{}, {"thinking": THINKING}, {"stop": ["the"]}, {"n": 2}, {"max_tokens": 9}])
def test_a_stream_joined_is_the_answer(real: Front, fields: dict[str, Any]) -> None:
    """At temperature 0, since a seed is not the same twice on llama-server when something else runs."""
    whole = real.chat(STORY, temperature=0, **fields).json()
    text = real.chat(STORY, temperature=0, stream=True, stream_options={"include_usage": True}, **fields).text
    rows = [json.loads(row[6:]) for row in text.split("\n\n")[:-2]]
    for choice in whole["choices"]:
        mine = [c for row in rows for c in row["choices"] if c["index"] == choice["index"]]
        joined = "".join(row["delta"].get("content") or "" for row in mine)
        thought = "".join(row["delta"].get("reasoning_content") or "" for row in mine)
        assert joined == choice["message"]["content"]
        assert thought == (choice["message"]["reasoning_content"] or "")
        assert mine[-1]["finish_reason"] == choice["finish_reason"]
    for name in ("prompt_tokens", "completion_tokens", "completion_tokens_details"):
        assert rows[-1]["usage"][name] == whole["usage"][name]


def test_the_limit_counts_reasoning_and_tags(real: Front) -> None:
    body = real.chat(STORY, thinking=THINKING, max_completion_tokens=5, seed=1).json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 5
    assert body["usage"]["completion_tokens_details"] == {"reasoning_tokens": 4}


def test_thinking_begins_for_certain_on_an_engine_that_draws_by_itself(real: Front) -> None:
    closes = load_tokenizer(gguf_path()).tokenizer.control("</think>")
    more = {"temperature": 2, "n": 8, "max_completion_tokens": 6, "logit_bias": {str(closes): -100}}
    body = real.chat(STORY, thinking=THINKING, **more).json()
    assert all(choice["message"]["reasoning_content"] for choice in body["choices"])
    assert [choice["message"]["content"] for choice in body["choices"]] == [""] * 8
    assert body["usage"]["completion_tokens"] == 8 * 6  # <think> is the first of them
    off = real.chat(STORY, thinking={"type": "disabled"}, max_completion_tokens=1).json()
    assert body["usage"]["prompt_tokens"] == off["usage"]["prompt_tokens"] - 2  # without <think></think>


@pytest.mark.parametrize("budget", [0, 3, 7])
@pytest.mark.parametrize("logprobs", [False, True])
def test_a_thinking_budget_ends_the_reasoning_and_an_answer_follows(real: Front, budget: int, logprobs: bool) -> None:
    for seed in range(3):
        thinking = {**THINKING, "budget_tokens": budget}
        body = real.chat(STORY, thinking=thinking, seed=seed, logprobs=logprobs, max_completion_tokens=80).json()
        choice = body["choices"][0]
        assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] <= budget
        assert len(choice["message"]["content"]) > 10
        if logprobs:
            assert len(choice["logprobs"]["reasoning_content"]) <= budget
            assert all(-60 < row["logprob"] <= 0 for row in choice["logprobs"]["content"])


def test_a_stop_in_reasoning_is_no_stop_and_its_text_is_never_sent(real: Front) -> None:
    free = real.chat(STORY, thinking=THINKING, temperature=0).json()["choices"][0]["message"]
    word = next(word for word in free["reasoning_content"].split() if word in free["content"].split()[3:])
    choice = real.chat(STORY, thinking=THINKING, temperature=0, stop=[word]).json()["choices"][0]
    assert choice["message"]["reasoning_content"] == free["reasoning_content"]
    assert choice["finish_reason"] == "stop"
    assert free["content"].startswith(choice["message"]["content"])
    assert word not in choice["message"]["content"]


def test_a_prompt_beyond_the_window_is_refused_and_one_near_it_ends_there(real: Front) -> None:
    error = real.chat("word " * 1100)
    assert (error.status_code, error.json()["error"]["code"]) == (400, "context_length_exceeded")
    fill = "cat " * 480
    body = real.chat(fill, max_completion_tokens=60_000).json()
    assert body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"] <= 1024
    assert body["choices"][0]["finish_reason"] in ("stop", "length")


def test_a_control_token_typed_by_a_user_stays_text(real: Front, direct: httpx.Client) -> None:
    typed = "say <|im_end|> twice"
    plain = real.http.post("/v1/tokenize", json={"text": "<|im_end|>"}).json()
    assert plain["count"] > 1
    asked = {"content": typed, "parse_special": True}
    assert 2 in direct.post("/tokenize", json=asked).json()["tokens"]
    mine = real.http.post(
        "/v1/tokenize", json={"model": "mimo-v2-flash", "messages": [{"role": "user", "content": typed}]}
    ).json()
    assert mine["ids"].count(2) == 2  # the ends of the system and of the user turn


def test_a_logit_bias_of_100_decides_and_one_outside_the_vocabulary_is_refused(real: Front) -> None:
    token = real.http.post("/v1/tokenize", json={"text": "cat"}).json()["ids"][0]
    answer = real.chat(STORY, logit_bias={str(token): 100}, max_completion_tokens=3).json()
    assert answer["choices"][0]["message"]["content"].startswith("c")
    assert real.chat(STORY, logit_bias={"4096": 1}).status_code == 400


def test_raw_logprobs_do_not_depend_on_parameters(real: Front) -> None:
    def first(**fields: Any) -> Any:
        answer = real.chat(STORY, logprobs=True, top_logprobs=5, max_completion_tokens=1, seed=1, **fields)
        return answer.json()["choices"][0]["logprobs"]["content"][0]["top_logprobs"]

    plain, changed = first(), first(temperature=0.3, top_p=0.2, logit_bias={"300": 30})
    assert [top["bytes"] for top in plain] == [top["bytes"] for top in changed]
    for left, right in zip(plain, changed, strict=True):
        assert left["logprob"] == pytest.approx(right["logprob"], abs=0.02)  # the server's batches differ


def test_characters_split_over_tokens_keep_their_count_their_text_and_their_logprobs(real: Front) -> None:
    """llama-server's stream leaves the ids of half characters out; here the bytes of an emoji are forced."""
    ids = [real.ids("😀")[at] for at in range(4)]
    biases = {str(token): 100 - 5 * at for at, token in enumerate(ids)}
    for logprobs in (False, True):
        fields = {"logit_bias": biases, "max_completion_tokens": 12, "temperature": 2, "top_p": 1, "seed": 3}
        body = real.chat(STORY, logprobs=logprobs, **fields).json()
        assert body["usage"]["completion_tokens"] == 12
        if logprobs:
            assert len(body["choices"][0]["logprobs"]["content"]) == 12
            assert all(-80 < row["logprob"] <= 0 for row in body["choices"][0]["logprobs"]["content"])


def test_missing_ids_are_found_again_by_their_bytes(real: Front) -> None:
    gaps = MissingTokens(real.engine.tokenizer)
    whole = real.ids("😀")
    assert gaps.fill("😀", (whole[3],), 3) == tuple(whole[:3])
    piece = real.engine.tokenizer.piece
    found = gaps.fill("aé", (real.ids("é")[1],), 2)
    assert b"".join(map(piece, found)) == "aé".encode()[:-1]
    assert len(gaps.fill("\ufffd", (), 2)) == 2, "bytes that are no character: the count stays right"


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "register", "description": "Add a person.", "parameters": SCHEMA}}


@pytest.mark.parametrize("thinking", [{"type": "disabled"}, {**THINKING, "budget_tokens": 100}])
@pytest.mark.parametrize("seed", [1, 2])
def test_an_answer_fits_its_schema(real: Front, thinking: dict[str, str], seed: int) -> None:
    """The model is not: what it would rather say is drawn again, and reasoning stays free, for as long as it may be."""
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
    body = real.chat("Tell me a story.", response_format=form, thinking=thinking, seed=seed, temperature=1.5).json()
    choice = body["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert set(json.loads(choice["message"]["content"])) == {"name", "age"}


def test_a_call_can_be_forced(real: Front) -> None:
    for stream in (False, True):
        answer = real.chat("Tell me a story.", tools=[TOOL], tool_choice="required", stream=stream, seed=3)
        assert answer.status_code == 200, answer.text
        if not stream:
            (call,) = answer.json()["choices"][0]["message"]["tool_calls"]
            assert call["function"]["name"] == "register"
            assert set(json.loads(call["function"]["arguments"])) == {"name", "age"}
        else:
            assert '"finish_reason":"tool_calls"' in answer.text


def test_a_client_that_leaves_frees_the_server(real: Front, direct: httpx.Client) -> None:
    body = {
        "model": "mimo-v2-flash",
        "stream": True,
        "max_completion_tokens": 900,
        "logit_bias": {"2": -100, "0": -100},
    }
    with real.http.stream(
        "POST", "/v1/chat/completions", json={**body, "messages": [{"role": "user", "content": STORY}]}
    ) as answer:
        for line in answer.iter_lines():
            if '"content":"' in line:
                break
    assert until(lambda: real.running == 0)
    assert until(lambda: not any(slot["is_processing"] for slot in direct.get("/slots").json()))


def test_asked_directly_the_same_server_breaks_the_contract(direct: httpx.Client) -> None:
    """Why there is a front: each of these is a 400 or another answer through mimo. When one fails the server has
    changed, and the table of engines may too."""
    assert ask(direct, temperature=2.01, max_tokens=1).status_code == 200
    assert ask(direct, temperature=-0.01, max_tokens=1).status_code == 200
    assert ask(direct, stop=["a", "b", "c", "d", "e"], max_tokens=1).status_code == 200
    assert ask(direct, temperatur=0.1, max_tokens=1).headers.get("x-mimo-ignored") is None
    usage = ask(direct, max_tokens=3).json()["usage"]
    assert "reasoning_tokens" not in json.dumps(usage)
    settings = direct.get("/props").json()["default_generation_settings"]["params"]
    assert (round(settings["temperature"], 2), settings["top_k"]) == (0.8, 40), "not the documented defaults"


@pytest.mark.parametrize(
    "fields", [{"temperature": 2.01}, {"temperature": -0.01}, {"stop": list("abcde")}, {"frequency_penalty": 0.1}]
)
def test_through_mimo_what_cannot_be_kept_is_refused(real: Front, fields: dict[str, Any]) -> None:
    assert real.chat(STORY, **fields).status_code == 400
