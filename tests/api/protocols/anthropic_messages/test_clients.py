"""What clients of the Anthropic protocol send today, in its smallest form: each is answered, and nothing is lost."""

from __future__ import annotations

import json

import pytest

from mimo.api.policy import Policy
from mimo.api.protocols.anthropic_messages.request import decode
from mimo.contract.models import MODELS
from mimo.contract.request import ChatRequest

FLASH = "mimo-v2-flash"
HI = {"role": "user", "content": "hi"}
DOCUMENT = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "The key is under the mat."},
    "title": "House",
    "context": "private",
    "citations": {"enabled": True},
    "cache_control": {"type": "ephemeral"},
}
FOUND = {
    "type": "search_result",
    "title": "T",
    "source": "https://a.example",
    "content": [{"type": "text", "text": "x"}],
}


def request(*messages: object, **fields: object) -> ChatRequest:
    body = {"model": FLASH, "messages": list(messages), **fields}
    decoded = decode(json.dumps(body).encode(), MODELS, Policy())
    assert decoded.ignored == ()
    return decoded.request


def test_a_system_message_is_taken_at_its_place(server):
    note = {"role": "system", "content": [{"type": "text", "text": "note"}]}
    messages = request(HI, note, {"role": "assistant", "content": "yes"}, HI, system="be brief").messages
    assert [(one.role, one.content) for one in messages] == [
        ("system", "be brief"), ("user", "hi"), ("system", "note"), ("assistant", "yes"), ("user", "hi"),
    ]  # fmt: skip
    body = json.dumps({"model": FLASH, "messages": [HI, {"role": "system", "content": "note"}]})
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        assert server.post(body, path).status_code == 200


@pytest.mark.parametrize("effort", ["low", "medium", "high", "xhigh", "max"])
def test_an_effort_turns_thinking_on_unless_thinking_is_off(effort):
    assert request(HI, output_config={"effort": effort}).params.thinking
    assert not request(HI, output_config={"effort": effort}, thinking={"type": "disabled"}).params.thinking
    assert request(HI, output_config={"effort": effort}, thinking={"type": "adaptive"}).params.thinking


@pytest.mark.parametrize("within", [False, True])
def test_documents_and_search_results_are_read_as_text(within):
    blocks = [{"type": "text", "text": "Where?"}, DOCUMENT, FOUND]
    if within:
        use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "t", "content": blocks}
        message = request(HI, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}).messages[
            -1
        ]
    else:
        message = request({"role": "user", "content": blocks}).messages[-1]
    for part in ("Where?", "House", "private", "The key is under the mat.", "T", "https://a.example", "x"):
        assert part in message.content


def test_a_document_of_blocks_is_their_text():
    source = {"type": "content", "content": [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]}
    assert (
        "one \ntwo"
        in request({"role": "user", "content": [{"type": "document", "source": source}]}).messages[0].content
    )


def test_a_pdf_is_refused_as_an_input_that_is_not_supported(server):
    pdf = {"type": "document", "source": {"type": "url", "url": "https://a.example/a.pdf"}}
    body = {"model": FLASH, "messages": [{"role": "user", "content": [pdf]}]}
    error = server.post(json.dumps(body), "/v1/messages").json()["error"]
    assert "messages[0].content[0].source is url, which holds a PDF" in error["message"]


def test_an_overlong_prompt_is_said_in_the_words_that_clients_compact_on(serving):
    with serving() as server:
        window = server.engine.info.context_window
        body = {"model": FLASH, "messages": [{"role": "user", "content": "x" * (window + 10)}]}
        error = server.post(json.dumps(body), "/v1/messages").json()["error"]
        assert error["type"] == "invalid_request_error"
        words = error["message"].split()
        assert error["message"].startswith("prompt is too long: ") and words[-4:-2] == ["tokens", ">"]
        assert int(words[-5]) > int(words[-2]) == window - 1  # "N" or "at least N" of them
        chat = server.chat("x" * (window + 10)).json()["error"]
        assert "exceeds the context window" in chat["message"] and chat["code"] == "context_length_exceeded"


def test_a_text_block_holds_no_null(server):
    body = json.dumps({"model": FLASH, "messages": [HI]})
    (block,) = server.post(body, "/v1/messages").json()["content"]
    assert block == {"type": "text", "text": "Hello, world!", "citations": []}
    stream = server.post(json.dumps({"model": FLASH, "messages": [HI], "stream": True}), "/v1/messages").text
    starts = [line for line in stream.splitlines() if "content_block_start" in line and line.startswith("data: ")]
    assert starts and all("null" not in line for line in starts)


def test_the_word_for_a_failed_tool_stands_before_its_first_line():
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    text = [{"type": "text", "text": "no such file"}, {"type": "text", "text": "at line 1"}]
    result = {"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": text}
    said = request(HI, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}).messages[-1]
    assert said.content == "Error: no such file\nat line 1"


def test_the_most_tokens_of_another_model_are_lowered_to_ours_with_a_notice():
    body = {"model": FLASH, "messages": [HI], "max_tokens": 128_000}
    decoded = decode(json.dumps(body).encode(), MODELS, Policy())
    assert decoded.request.params.max_completion_tokens == 64_000
    assert decoded.notices == ("max_tokens is 64000, the most that mimo-v2-flash takes",)
