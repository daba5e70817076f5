"""Log-probabilities of a prompt from vLLM and SGLang: a request of their own, read in the shape that each gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.engines.upstream.fakes import Asked, Behaviour, Fake, Out, sglang_events, vllm_events
from tests.engines.upstream.fronts import FLASH, Front

READ_BY = ("vllm", "sglang")
PROMPT = [300, 301, 302]


def vllm_rows(prompt: list[int]) -> list[object]:
    """Of vLLM: nothing for the first, then by id; the token that stands there may be none of the likeliest."""
    row = {"299": {"logprob": -0.5, "rank": 1, "decoded_token": "x"}}
    return [None, *({**row, str(token): {"logprob": -2.5, "rank": 9, "decoded_token": "y"}} for token in prompt[1:])]


def sglang_rows(prompt: list[int]) -> dict[str, object]:
    """Of SGLang: triples of log-probability, id and text."""
    rows = [[None, prompt[0], None], *([-2.5, token, None] for token in prompt[1:])]
    return {"input_token_logprobs": rows, "input_top_logprobs": [None, *([[-0.5, 299, None]] for _ in prompt[1:])]}


def sampled(engine: str) -> list[Any]:
    """One token and the end, each with its log-probability."""
    rows: list[Any]
    if engine == "vllm":
        rows = list(vllm_events([303, 2]))
        for name, row in zip(("token_id:303", "token_id:2"), rows, strict=False):
            row["choices"][0]["logprobs"] = {"tokens": [name], "token_logprobs": [-1.0], "top_logprobs": [{name: -1.0}]}
        return rows
    rows = list(sglang_events([303, 2]))
    for row in rows[:2]:
        row["meta_info"]["output_token_logprobs"] = [[-1.0, token, None] for token in row["output_ids"]]
    return rows


def reading(engine: str, **answer: Any) -> Behaviour:
    """An engine that answers `end` after one token, and says of a prompt what it is, or the `answer`."""

    async def behaviour(asked: Asked, out: Out) -> None:
        body = asked.body
        if body["stream"]:
            return await out.stream(sampled(engine))
        if engine == "vllm":
            choice = {"index": 0, "text": "", "finish_reason": "length", "prompt_logprobs": vllm_rows(body["prompt"])}
            await out.reply(200, {"choices": [choice], **answer})
        else:
            meta = {"finish_reason": {"type": "length"}, "completion_tokens": 1, **sglang_rows(body["input_ids"])}
            await out.reply(200, {"text": "", "output_ids": [303], "meta_info": {**meta, **answer}})

    return behaviour


def complete(front: Front, **fields: Any) -> Any:
    body = {"model": FLASH, "prompt": PROMPT, "seed": 7, "max_tokens": 5, **fields}
    return front.http.post("/v1/completions", content=json.dumps(body))


@pytest.fixture(params=READ_BY)
def engine(request: pytest.FixtureRequest, fake: Fake) -> str:
    fake.asked.clear()
    fake.behaviour = reading(request.param)
    return str(request.param)


def test_a_prompt_gets_the_log_probabilities_that_the_upstream_gives(
    fronts: dict[str, Front], fake: Fake, engine: str
) -> None:
    front = fronts[engine]
    answer = complete(front, prompt_logprobs=1).json()["choices"][0]
    first, *others = answer["prompt_logprobs"]
    assert first is None and len(others) == 2
    for token, row in zip(PROMPT[1:], others, strict=True):
        assert (row[str(token)]["logprob"], row["299"]["logprob"], row["299"]["rank"]) == (-2.5, -0.5, 1)
    assert answer["text"] == front.engine.tokenizer.piece(303).decode()


@pytest.mark.parametrize("stream", [False, True])
def test_an_echo_has_the_log_probabilities_of_the_prompt_and_of_the_answer(
    fronts: dict[str, Front], fake: Fake, engine: str, stream: bool
) -> None:
    front = fronts[engine]
    answer = complete(front, echo=True, logprobs=1, max_tokens=0, stream=stream)
    rows = [answer.json()] if not stream else [json.loads(row[6:]) for row in answer.text.split("\n\n")[:-2]]
    columns = rows[0]["choices"][0]["logprobs"]
    names = [front.engine.tokenizer.piece(token).decode() for token in PROMPT]
    assert columns["tokens"] == names and columns["token_logprobs"] == [None, -2.5, -2.5]
    assert [len(top or ()) for top in columns["top_logprobs"]] == [0, 2, 2]


def test_a_prompt_is_read_once_for_all_choices_and_changes_nothing_of_their_requests(
    fronts: dict[str, Front], fake: Fake, engine: str
) -> None:
    complete(fronts[engine], n=2)
    plain = [asked.body for asked in fake.asked]
    fake.asked.clear()
    complete(fronts[engine], n=2, prompt_logprobs=3, temperature=0.3 if engine == "vllm" else 1)
    reads = [asked.body for asked in fake.asked if not asked.body["stream"]]
    assert len(reads) == 1 and len(fake.asked) == 3
    assert reads[0].get("prompt_logprobs", reads[0].get("top_logprobs_num")) == 3
    assert reads[0].get("logprob_start_len", 0) == 0
    complete(fronts[engine], n=2, prompt_logprobs=3)
    again = [asked.body for asked in fake.asked[-2:]]
    assert sorted(map(repr, again)) == sorted(map(repr, plain))


def test_a_prompt_of_one_token_has_nothing_to_be_asked_for(fronts: dict[str, Front], fake: Fake, engine: str) -> None:
    answer = complete(fronts[engine], prompt=[300], prompt_logprobs=3).json()["choices"][0]
    assert answer["prompt_logprobs"] == [None] and len(fake.asked) == 1


ODD: list[tuple[str, dict[str, Any]]] = [
    ("vllm", {"choices": []}),
    ("vllm", {"choices": [{"prompt_logprobs": None}]}),
    ("vllm", {"choices": [{"prompt_logprobs": []}]}),
    ("vllm", {"choices": [{"prompt_logprobs": vllm_rows(PROMPT)[:2]}]}),
    ("vllm", {"choices": [{"prompt_logprobs": [None, {"299": {"logprob": -1}}, None]}]}),
    ("vllm", {"choices": [{"prompt_logprobs": [None, {"x": {"logprob": -1}}, None]}]}),
    ("vllm", {"filler": "x" * 100_000}),
    ("sglang", {"input_token_logprobs": []}),
    ("sglang", {"input_token_logprobs": [[-1.0, 1, None]] * 3}),
    ("sglang", {"input_top_logprobs": [None]}),
    ("sglang", {"input_token_logprobs": None}),
]


@pytest.mark.parametrize(("engine", "answer"), ODD)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_log_probability_of_the_prompt_is_a_502(
    fronts: dict[str, Front], fake: Fake, engine: str, answer: dict[str, Any], stream: bool
) -> None:
    fake.behaviour = reading(engine, **answer)
    refused = complete(fronts[engine], prompt_logprobs=1, stream=stream)
    assert (refused.status_code, refused.json()["error"]["code"]) == (502, "upstream_error"), refused.text


def test_llama_server_reads_no_prompt_and_is_not_asked(llama: Front, fake: Fake) -> None:
    for fields in ({"prompt_logprobs": 1}, {"echo": True, "logprobs": 1}):
        refused = complete(llama, **fields)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unsupported_parameter")
    assert fake.asked == []
