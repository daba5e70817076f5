"""Images through mimo on a real llama-server: nano with a random projector, so that what it sees is noise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.engines.upstream.fronts import Front, front, llama_server
from tests.engines.upstream.llama_server.tiny_projector import TOKENS, write_projector
from tests.media.files import BEGINNINGS, MP4, WAV, encoded, png, uri

from mimo.nano import gguf_path

NANO_WIDTH = 256
TEXT = {"type": "text", "text": "Who are you?"}
IMAGE = {"type": "image_url", "image_url": {"url": uri(png(64, 64), "image/png")}}


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    projector = tmp_path_factory.mktemp("projector") / "mmproj.gguf"
    write_projector(projector, NANO_WIDTH)
    with (
        llama_server(gguf_path(), 2, 1024, projector) as url,
        front("llama-server", url, timeout=30, media=("image", "audio", "video")) as running,
    ):
        yield running


def ask(front: Front, *parts: Any, **fields: Any) -> Any:
    body = {"model": "mimo-v2-omni", "messages": [{"role": "user", "content": [TEXT, *parts]}], **fields}
    body = {"max_completion_tokens": 24, "thinking": {"type": "disabled"}, **body}
    return front.http.post("/v1/chat/completions", content=json.dumps(body))


def test_every_image_is_seen_and_counted(seeing: Front) -> None:
    tokens = []
    for count in (1, 2, 3):
        answer = ask(seeing, *[IMAGE] * count)
        assert answer.status_code == 200, answer.text
        choice, usage = answer.json()["choices"][0], answer.json()["usage"]
        assert choice["message"]["content"] and choice["finish_reason"] in ("stop", "length")
        assert 0 < usage["completion_tokens"] <= 25
        tokens.append(usage["prompt_tokens"])
    assert tokens[1] - tokens[0] >= TOKENS and tokens[2] - tokens[1] >= TOKENS


def test_thinking_streams_stops_and_schemas_are_kept_with_an_image(seeing: Front) -> None:
    message = ask(seeing, IMAGE, thinking={"type": "enabled"}, max_completion_tokens=60).json()["choices"][0]["message"]
    assert message["reasoning_content"] and "<think>" not in (message["content"] or "")
    text = ask(seeing, IMAGE, stream=True, temperature=0).text
    assert text.endswith("data: [DONE]\n\n")
    whole = ask(seeing, IMAGE, temperature=0).json()["choices"][0]["message"]["content"]
    stop = whole[3]
    stopped = ask(seeing, IMAGE, temperature=0, stop=stop).json()["choices"][0]
    assert stop not in stopped["message"]["content"] and stopped["finish_reason"] == "stop"
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "found", "schema": schema}}
    room = 200  # its grammar lets twenty blanks stand in every gap, and nano may take them
    fitting = ask(seeing, IMAGE, response_format=form, max_completion_tokens=room).json()["choices"][0]
    assert json.loads(fitting["message"]["content"])["a"] in (1, 2)
    two = ask(seeing, IMAGE, n=2).json()["choices"]
    assert [choice["index"] for choice in two] == [0, 1]


def test_anthropic_images_are_seen_too(seeing: Front) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": encoded(png(8, 8))}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "Hi"}]
    body = {"model": "mimo-v2-omni", "max_tokens": 16, "thinking": {"type": "disabled"}}
    answer = seeing.http.post("/v1/messages", json={**body, "messages": [{"role": "user", "content": content}]})
    assert answer.status_code == 200 and answer.json()["usage"]["output_tokens"] > 0


def test_what_only_the_engine_can_find_broken_is_a_400_with_its_path(seeing: Front) -> None:
    broken = {"type": "image_url", "image_url": {"url": uri(BEGINNINGS["jpeg"][1], "image/jpeg")}}
    film = {"type": "video_url", "video_url": {"url": uri(MP4, "video/mp4")}}
    for part in (broken, film):
        answer = ask(seeing, part)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "invalid_request"), error
        assert error["param"] == "messages[0].content[1]" and "cannot be read" in error["message"]


def test_a_medium_that_the_upstream_refuses_after_all_is_a_502(seeing: Front) -> None:
    answer = ask(seeing, {"type": "input_audio", "input_audio": {"data": uri(WAV, "audio/wav")}})
    assert answer.status_code == 502 and "audio input is not supported" in answer.json()["error"]["message"]
