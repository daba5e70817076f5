"""What the decoders share: an error about our field names the client's, and nothing else in its message changes."""

from __future__ import annotations

import json

import pytest

from mimo.api.protocols.anthropic_messages.request import WIRE_NAMES as ANTHROPIC
from mimo.api.protocols.fields import parameters_header, rename, wire_names
from mimo.api.protocols.openai_responses.request import WIRE_NAMES as RESPONSES
from mimo.contract.errors import ContextLengthExceeded, InvalidRequest
from mimo.contract.models import MODELS
from mimo.contract.resolve import resolve

FLASH = "mimo-v2-flash"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("stop", "stop_sequences"),
        ("stop[2]", "stop_sequences[2]"),
        ("stopper", "stopper"),
        ("tools[12].function.parameters.properties.a", "tools[12].input_schema.properties.a"),
        ("tools[1].function.name", "tools[1].name"),
        ("tools[1].type", "tools[1].type"),
        ("tools", "tools"),
        ("response_format.json_schema.schema", "output_config.format.schema"),
        ("max_completion_tokens", "max_tokens"),
    ],
)
def test_a_path_of_ours_becomes_the_clients(ours, theirs):
    assert rename(ours, ANTHROPIC) == theirs


def test_an_error_keeps_its_class_and_the_rest_of_its_message():
    with pytest.raises(ContextLengthExceeded) as caught, wire_names(RESPONSES):
        raise ContextLengthExceeded("too long; shorten messages, messages!", param="messages")
    assert (caught.value.message, caught.value.param) == ("too long; shorten input, messages!", "input")
    with pytest.raises(InvalidRequest) as refused, wire_names(ANTHROPIC):
        raise InvalidRequest('stop must be x, got "stop"', param="stop")
    assert refused.value.message == 'stop_sequences must be x, got "stop"'


USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]}
BODIES = {
    "/v1/messages": (
        "a thinking block in messages[0].content",
        {"messages": [USE, RESULT], "thinking": {"type": "enabled"}},
    ),
    "/v1/responses": (
        "a reasoning item before input[0]",
        {
            "input": [
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "x"},
            ],
            "reasoning": {"effort": "low"},
        },
    ),
}


@pytest.mark.parametrize("path", BODIES)
def test_reasoning_that_was_not_passed_back_is_reported_or_refused(server, serving, path):
    missing, fields = BODIES[path]
    body = json.dumps({"model": FLASH, **fields})
    notice = server.post(body, path).headers["x-mimo-notice"]
    assert notice == f"{missing} is missing; the model does not see what it thought"
    with serving(require_reasoning_passback=True) as demanding:
        answer = demanding.post(body, path)
        message = f"{missing} is required: with thinking on it must be passed back"
        assert answer.status_code == 400 and answer.json()["error"]["message"] == message


@pytest.mark.parametrize("path", [*BODIES, "/v1/completions"])
def test_a_strict_server_refuses_what_nobody_knows(serving, path):
    fields = BODIES[path][1] if path in BODIES else {"prompt": "hi"}
    with serving(strict=True) as strict:
        answer = strict.post(json.dumps({"model": FLASH, **fields, "temperatur": 1}), path)
        assert answer.status_code == 400 and "temperatur; did you mean temperature?" in answer.text
        assert strict.post(json.dumps({"model": FLASH, **fields}), path).status_code == 200


def test_what_was_used_is_described_in_the_contracts_words():
    params = resolve({"seed": 7, "thinking": {"type": "enabled", "budget_tokens": 9}}, MODELS["mimo-v2-flash"]).params
    assert parameters_header(params) == (
        "temperature=1.0; top_p=0.95; max_completion_tokens=1024; frequency_penalty=0.0; presence_penalty=0.0; "
        "seed=7; thinking=enabled; thinking_budget_tokens=9"
    )
