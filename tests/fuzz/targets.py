"""What is fuzzed: functions of bytes that may raise `ApiError` and nothing else, and must come back.

    chat, anthropic, responses, completions   the body of a request → what the engine is asked
    tools                                     a turn of the model → its calls and its text

Run by atheris for hours (`fuzz.py`), and by hypothesis for seconds in the tests. Knows no fuzzer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from mimo.api.policy import Policy
from mimo.api.protocols.anthropic_messages import request as anthropic_request
from mimo.api.protocols.fields import Decoded
from mimo.api.protocols.openai_chat import request as openai_request
from mimo.api.protocols.openai_completions import request as completions_request
from mimo.api.protocols.openai_responses import request as responses_request
from mimo.chat.prompt import chat_format
from mimo.contract.errors import ApiError
from mimo.contract.models import MODELS
from mimo.engines.scripted.engine import ScriptedEngine
from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.generate.prepare import prepare
from mimo.generate.prompt import render
from mimo.output.choice import ChoiceOutput
from mimo.tokenizers.bytes import CONTROL_NAMES, ByteTokenizer
from mimo.types import CompleteCall, Event, Finish, TokenBatch, Tool

TOKENIZER = ByteTokenizer()
FORMAT = chat_format(None, TOKENIZER)
ENGINE = ScriptedEngine(Script([ScriptedAnswer(["x"])]))
POLICY = Policy()
TOOLS = (
    Tool(
        "f", parameters={"type": "object", "properties": {"a": {"type": "string"}, "n": {"type": ["integer", "null"]}}}
    ),
    Tool("weather", parameters={"type": "object", "properties": {"o": {"type": "object"}, "x": {}}}),
)


def _rendered(decode: Callable[..., Decoded]) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        try:
            decoded = decode(data, MODELS, POLICY)
            prompt = render(decoded.request, FORMAT)
        except ApiError as error:
            assert error.status in (400, 404)
            assert error.message and "\n" not in error.message
            return
        assert prompt.tokens and decoded.response_headers()

    return target


def _completions(data: bytes) -> None:
    try:
        decoded = completions_request.decode(data, MODELS, POLICY)
        prepared = prepare(decoded.request, ENGINE, FORMAT)
    except ApiError as error:
        assert error.status in (400, 404)
        return
    assert all(prompt.tokens for prompt in prepared.prompts) and decoded.response_headers()


def events_of(tokens: list[int], *, thinking: bool, parallel: bool, sizes: list[int]) -> list[Event]:
    """The events of a turn made of `tokens`, which come in batches of `sizes`, again and again."""
    output = ChoiceOutput(
        0, TOKENIZER, thinking=thinking, in_reasoning=False, stop=("END",), tools=TOOLS, parallel=parallel
    )
    events: list[Event] = []
    at = turn = 0
    while not output.finished:
        size = max(1, sizes[turn % len(sizes)])
        last = at + size >= len(tokens)
        events += output.push(TokenBatch(0, tuple(tokens[at : at + size]), finish="stop" if last else None))
        at, turn = at + size, turn + 1
    return events


def _tools(data: bytes) -> None:
    """Two bytes of settings, then a turn: bytes from 247 on stand for the control tokens."""
    flags, size = (data[:2] + b"\0\1")[:2]
    names = len(CONTROL_NAMES)
    tokens = [256 + byte - (256 - names) if byte >= 256 - names else byte for byte in data[2:]]
    options = {"thinking": bool(flags & 1), "parallel": not flags & 2}
    events = events_of(tokens, **options, sizes=[size % 32])
    assert sum(isinstance(event, Finish) for event in events) == 1 and isinstance(events[-1], Finish)
    calls = [event for event in events if isinstance(event, CompleteCall)]
    for call in calls:
        assert isinstance(msgspec.json.decode(call.arguments), dict)  # strict: no NaN
    assert [call.index for call in calls] == list(range(len(calls)))


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "chat": _rendered(openai_request.decode),
    "anthropic": _rendered(anthropic_request.decode),
    "responses": _rendered(responses_request.decode),
    "completions": _completions,
    "tools": _tools,
}
