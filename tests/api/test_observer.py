"""What accounts, metrics and traces see: every admitted request is settled once, however it ends, with right counts."""

from __future__ import annotations

import json
import time

import pytest

from mimo.api.observer import Admission, Observation, Observer, Settlement
from mimo.api.request_body import ClientGone
from mimo.contract.errors import RateLimitExceeded, ServiceUnavailable
from mimo.engines.scripted.script import Script, ScriptedAnswer

MESSAGES = [{"role": "user", "content": "hi"}]
ASK = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/responses": {"input": "hi"},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 100},
    "/v1/completions": {"prompt": ["hi", "you"]},
}
NAMES = {
    "/v1/chat/completions": "openai_chat",
    "/v1/responses": "openai_responses",
    "/v1/messages": "anthropic_messages",
    "/v1/completions": "openai_completions",
}
ENDLESS = ScriptedAnswer([{"repeat": 100_000, "steps": ["word "]}])


class Recorder(Observer):
    """Keeps what it hears, in order."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.admissions: list[Admission] = []
        self.calls: list[object] = []
        self.refusal = refusal

    async def admit(self, admission: Admission) -> Observation:
        if self.refusal is not None:
            raise self.refusal
        self.admissions.append(admission)
        return Recording(self)

    @property
    def settlements(self) -> list[Settlement]:
        return [call for call in self.calls if isinstance(call, Settlement)]

    def wait_for(self, call: object, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while call not in self.calls and time.monotonic() < end:
            time.sleep(0.01)

    def settled(self, seconds: float = 60.0) -> Settlement:
        """The one settlement, waited for; a second one would be a fault."""
        end = time.monotonic() + seconds
        while not self.settlements and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.1)
        assert len(self.settlements) == 1
        return self.settlements[0]


class Recording(Observation):
    headers = (("x-left", "7"),)

    def __init__(self, recorder: Recorder) -> None:
        self.calls = recorder.calls

    def started(self) -> None:
        self.calls.append("started")

    def first_token(self) -> None:
        self.calls.append("first token")

    def settle(self, settlement: Settlement) -> None:
        self.calls.append(settlement)


def ask(server, path, **fields):
    return server.post(json.dumps({"model": "mimo-v2-flash", **ASK[path], **fields}), path)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ASK)
def test_an_answered_request_is_settled_once_with_its_usage(serving, path, stream):
    recorder = Recorder()
    choices = 2 if path == "/v1/completions" else 1
    with serving(observer=recorder, keys=["sesame"]) as server:
        server.http.headers["authorization"] = "Bearer sesame"
        answer = ask(server, path, stream=stream)
        assert answer.status_code == 200 and answer.headers["x-left"] == "7"
        settled = recorder.settled()
        usage = ask(server, path).json()["usage"]
    admission = recorder.admissions[0]
    assert (admission.protocol, admission.choices) == (NAMES[path], choices)
    assert admission.request_id == answer.headers["x-request-id"] and len(admission.key or b"") == 32
    assert recorder.calls == ["started", "first token", settled] * 2
    assert (settled.exact, settled.finish, settled.error) == (True, ("stop",) * choices, None)
    assert settled.usage.completion_tokens == usage.get("completion_tokens", usage.get("output_tokens")) > 0
    cached = usage.get("cache_read_input_tokens", 0)
    assert settled.usage.prompt_tokens == usage.get("prompt_tokens", usage.get("input_tokens", 0) + cached) > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_is_settled_once_with_what_it_got(serving, stream):
    recorder = Recorder()
    with serving(Script([ENDLESS], delay=0.005), observer=recorder) as server:
        with server.connect() as client:
            client.sendall(server.raw_chat(stream=stream, max_completion_tokens=60_000))
            recorder.wait_for("first token")
        settled = recorder.settled()
    assert isinstance(settled.error, ClientGone) and settled.finish == ()
    assert settled.exact and settled.usage.prompt_tokens > 0 and 0 < settled.usage.completion_tokens < 60_000


def test_a_client_that_leaves_before_the_first_token_is_settled_once(serving):
    recorder = Recorder()
    with serving(Script([ScriptedAnswer(["x"])], delay=5.0), observer=recorder) as server:
        with server.connect() as client:
            client.sendall(server.raw_chat())
            recorder.wait_for("started")
        settled = recorder.settled()
    assert isinstance(settled.error, ClientGone) and settled.usage.completion_tokens == 0


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_fails_under_way_is_settled_once_with_the_error(serving, stream):
    recorder = Recorder()
    with serving(Script([ENDLESS], delay=0.005), observer=recorder) as server, server.connect() as client:
        client.sendall(server.raw_chat(stream=stream, max_completion_tokens=60_000))
        recorder.wait_for("first token")
        server.call(server.engine.close())
        settled = recorder.settled()
    assert isinstance(settled.error, ServiceUnavailable) and settled.usage.completion_tokens > 0


def test_what_the_engine_refuses_is_settled_with_nothing_used(serving):
    recorder = Recorder()
    with serving(observer=recorder) as server:
        assert server.chat(n=5, max_completion_tokens=10**9).status_code == 400
        assert recorder.admissions == []  # refused before it was admitted
        assert server.chat("word " * 300_000).status_code == 400
        settled = recorder.settled()
    assert (settled.usage.prompt_tokens, settled.usage.completion_tokens, settled.finish) == (0, 0, ())
    assert settled.error is not None and "started" not in recorder.calls


def test_an_observer_that_refuses_answers_and_nothing_is_settled(serving):
    recorder = Recorder(RateLimitExceeded("too many", headers={"retry-after": "3"}))
    with serving(observer=recorder) as server:
        for path in ASK:
            answer = ask(server, path)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
        assert server.running(0) == 0
    assert recorder.calls == []


def test_an_observer_that_fails_to_settle_does_not_spoil_the_answer(serving, caplog):
    class Broken(Observation):
        def settle(self, settlement: Settlement) -> None:
            raise RuntimeError("no store")

    class Breaking(Observer):
        async def admit(self, admission: Admission) -> Observation:
            return Broken()

    with serving(observer=Breaking()) as server:
        assert server.chat(stream=True).text.endswith("data: [DONE]\n\n")
        assert server.chat().status_code == 200
    assert "settling failed" in caplog.text
