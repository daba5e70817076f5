"""Claims about media over HTTP, on nano with random towers: every protocol, its counts, and llama-server's answer."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import numpy as np
import openai
import pytest
from PIL import Image
from tests.engines.upstream.fronts import llama_server
from tests.llamacpp.tiny_towers import write_towers
from tests.media.decode.made import film, halves, of_image, tone
from tests.media.files import encoded, uri

from mimo.nano import gguf_path
from mimo.testing import served

OMNI = {"model": "mimo-v2-omni", "thinking": {"type": "disabled"}, "temperature": 0}
TEXT = {"type": "text", "text": "What is this?"}


def noise(width: int, height: int, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return of_image(Image.fromarray(pixels), "png")


def image(data: bytes, kind: str = "image/png") -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": uri(data, kind)}}


SOUND = {"type": "input_audio", "input_audio": {"data": encoded(tone("mp3")), "format": "mp3"}}
FILM = {"type": "video_url", "video_url": {"url": uri(film("mp4"), "video/mp4")}, "fps": 1}


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("towers") / "mmproj.gguf"
    write_towers(file)
    return file


@pytest.fixture(scope="module")
def http(towers: Path) -> Iterator[httpx.Client]:
    with (
        served("--mmproj", str(towers), "--slots", "4", "--context-window", "2048") as server,
        httpx.Client(base_url=server.url, timeout=120) as client,
    ):
        yield client


def chat(http: httpx.Client, *parts: Any, **fields: Any) -> httpx.Response:
    messages = [{"role": "user", "content": list(parts)}]
    return http.post("/v1/chat/completions", json={"messages": messages, "max_completion_tokens": 16, **OMNI, **fields})


def usage(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["usage"]


def test_media_are_counted_by_their_kinds(http: httpx.Client) -> None:
    plain = usage(chat(http, TEXT))
    assert set(plain["prompt_tokens_details"]) == {"cached_tokens"}
    seen = usage(chat(http, image(noise(160, 96)), TEXT))
    assert seen["prompt_tokens_details"]["image_tokens"] == 15  # 160 × 96 / 1024
    assert seen["prompt_tokens"] == plain["prompt_tokens"] + 15 + 2
    everything = usage(chat(http, image(noise(512, 512)), SOUND, FILM, TEXT))["prompt_tokens_details"]
    assert (everything["image_tokens"], everything["audio_tokens"], everything["video_tokens"]) == (64, 7, 36)


def test_the_answer_follows_the_picture_and_the_text_around_it(http: httpx.Client) -> None:
    def said(*parts: Any) -> str:
        content: str = chat(http, *parts).json()["choices"][0]["message"]["content"]
        return content

    first, second = image(noise(256, 256, 1)), image(noise(256, 256, 2))
    assert said(first, TEXT) == said(first, TEXT)
    assert len({said(first, TEXT), said(second, TEXT), said(first, second, TEXT), said(SOUND, TEXT)}) > 1


def test_streams_choices_tools_and_schemas_work_with_media(http: httpx.Client) -> None:
    picture = image(noise(200, 200, 3))
    whole = chat(http, picture, TEXT).json()["choices"][0]["message"]["content"]
    text = chat(http, picture, TEXT, stream=True).text
    assert text.endswith("data: [DONE]\n\n")
    deltas = [json.loads(line[6:]) for line in text.split("\n\n") if line.startswith("data: {")]
    assert "".join(one["choices"][0]["delta"].get("content") or "" for one in deltas if one["choices"]) == whole
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "found", "schema": schema}}
    held = chat(http, picture, TEXT, response_format=wanted, n=2).json()["choices"]
    assert [json.loads(choice["message"]["content"])["a"] in (1, 2) for choice in held] == [True, True]
    function = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    called = chat(http, picture, TEXT, tools=[function], tool_choice="required").json()["choices"][0]
    assert called["message"]["tool_calls"][0]["function"]["name"] == "look"


def test_anthropic_takes_pictures_in_messages_and_in_results_of_tools(http: httpx.Client) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": encoded(noise(160, 96))}
    picture = {"type": "image", "source": source}
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "here"}, picture]}
    tools = [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    for messages in (
        [{"role": "user", "content": [picture, {"type": "text", "text": "Hi"}]}],
        [
            {"role": "user", "content": "Look."},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ],
    ):
        body = {"model": "mimo-v2-omni", "max_tokens": 8, "messages": messages, "tools": tools}
        answer = http.post("/v1/messages", json=body)
        assert answer.status_code == 200, answer.text
        counted = http.post("/v1/messages/count_tokens", json={key: body[key] for key in body if key != "max_tokens"})
        spent = answer.json()["usage"]
        assert counted.json()["input_tokens"] == spent["input_tokens"] + spent["cache_read_input_tokens"] > 15


def test_responses_takes_pictures_and_refuses_files_by_name(http: httpx.Client) -> None:
    picture = {"type": "input_image", "image_url": uri(noise(160, 96), "image/png")}
    content = [picture, {"type": "input_text", "text": "Hi"}]
    body = {"model": "mimo-v2-omni", "max_output_tokens": 16, "input": [{"role": "user", "content": content}]}
    answer = http.post("/v1/responses", json=body)
    assert answer.json()["usage"]["input_tokens_details"]["image_tokens"] == 15, answer.text
    content.append({"type": "input_file", "file_id": "file-1"})
    refused = http.post("/v1/responses", json=body)
    assert refused.status_code == 400 and "is a file, and files are not read" in refused.text


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (image(of_image(halves(), "png")[:-40]), "cannot be decoded as png"),
        (image(of_image(halves(), "jpeg")[:30], "image/jpeg"), "cannot be decoded as jpeg"),
        ({**FILM, "video_url": {"url": uri(film("mp4")[:200], "video/mp4")}}, "cannot be decoded as mp4"),
        ({"type": "input_audio", "input_audio": {"data": encoded(tone("wav")[:44])}}, "cannot be decoded as wav"),
    ],
)
def test_what_cannot_be_decoded_is_a_400_with_its_path(http: httpx.Client, part: Any, words: str) -> None:
    answer = chat(http, TEXT, part)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert words in error["message"] and error["param"].startswith("messages[0].content[1]")


def test_the_sdks_send_pictures(http: httpx.Client) -> None:
    """As the documentation of each writes it."""
    data, base = noise(160, 96), str(http.base_url)
    asked: Any = [image(data), TEXT]
    with openai.OpenAI(base_url=f"{base}/v1", api_key="unused") as client:
        said = client.chat.completions.create(
            model="mimo-v2-omni", messages=[{"role": "user", "content": asked}], max_completion_tokens=8
        )
        assert said.usage and said.usage.prompt_tokens > 15 and said.choices[0].finish_reason
        parts: Any = [{"type": "input_image", "image_url": uri(data, "image/png"), "detail": "auto"}]
        answered = client.responses.create(model="mimo-v2-omni", input=[{"role": "user", "content": parts}])
        assert answered.usage and answered.usage.input_tokens > 15
    with anthropic.Anthropic(base_url=base, api_key="unused") as other:
        source: Any = {"type": "base64", "media_type": "image/png", "data": encoded(data)}
        blocks: Any = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
        reply = other.messages.create(
            model="mimo-v2-omni", max_tokens=8, messages=[{"role": "user", "content": blocks}]
        )
        assert reply.usage.input_tokens + (reply.usage.cache_read_input_tokens or 0) > 15


def test_media_for_models_that_take_text_only_stay_a_400(http: httpx.Client) -> None:
    for model in ("mimo-v2-flash", "mimo-v2-pro"):
        answer = chat(http, image(noise(64, 64)), model=model)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_input")


def test_media_over_the_window_are_context_length_exceeded(http: httpx.Client) -> None:
    answer = chat(http, *[image(noise(512, 512, seed)) for seed in range(33)])
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize("seed", range(3))
def test_llama_server_counts_and_answers_the_same(http: httpx.Client, llama: httpx.Client, seed: int) -> None:
    data = noise(240, 160, seed)
    assert_the_same(llama, data, chat(http, image(data), TEXT))


@pytest.mark.parametrize("seconds", [1.0, 3.0, 7.3])
def test_llama_server_hears_the_same(http: httpx.Client, llama: httpx.Client, seconds: float) -> None:
    """At the tower's own rate: resampling is each server's own."""
    file, times = io.BytesIO(), np.arange(int(24_000 * seconds)) / 24_000
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(24_000)
        sound.writeframes((20_000 * np.sin(times * (2000 + 700 * times))).astype("<i2").tobytes())
    data = file.getvalue()
    part = {"type": "input_audio", "input_audio": {"data": encoded(data), "format": "wav"}}
    assert_the_same(llama, data, chat(http, part, TEXT))


def assert_the_same(llama: httpx.Client, data: bytes, ours: httpx.Response) -> None:
    """The tokens of the prompt, and the greedy answer."""
    system = "You are MiMo, a helpful AI assistant engineered by Xiaomi."
    marker = llama.get("/props").json().get("media_marker", "<__media__>")
    text = f"<|im_start|>system\n{system}<|im_end|><|im_start|>user\n{marker}{TEXT['text']}<|im_end|>"
    prompt = {"prompt_string": f"{text}<|im_start|>assistant\n<think></think>", "multimodal_data": [encoded(data)]}
    theirs = llama.post(
        "/completion", json={"prompt": prompt, "n_predict": 16, "temperature": 0, "cache_prompt": False}
    )
    assert theirs.status_code == 200, theirs.text
    assert theirs.json()["tokens_evaluated"] == usage(ours)["prompt_tokens"]
    assert theirs.json()["content"] == ours.json()["choices"][0]["message"]["content"]


@pytest.fixture(scope="module")
def llama(towers: Path) -> Iterator[httpx.Client]:
    with llama_server(gguf_path(), 1, 2048, towers) as url, httpx.Client(base_url=url, timeout=120) as client:
        yield client
