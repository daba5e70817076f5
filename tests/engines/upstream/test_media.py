"""Media through mimo to engines on real sockets: what each one receives, and what is refused before anything is sent.

The engines are fakes that answer in the shape of theirs; no real one with a model that sees was asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import httpx
import pytest
from tests.engines.upstream.fakes import Asked, Fake, Out, chat_events, llama_events, sglang_events, vllm_events
from tests.engines.upstream.fronts import RAW, Front, front
from tests.engines.upstream.probes import MAPPED_BESIDE_MEDIA, PRINTER, PROBES, SPELLED, UNCHANGED
from tests.media.files import BEGINNINGS, MP4, PNG, WAV, encoded, uri

from mimo.contract.media import MB
from mimo.engines import UPSTREAM
from mimo.media.fetch.fetcher import Fetcher
from mimo.media.fetch.guard import Guard
from mimo.testing import served

COLUMNS = PRINTER["columns"]("MEDIA_COLUMN")
OMNI = "mimo-v2-omni"
ALL = ("image", "audio", "video")
IMAGE = {"type": "image_url", "image_url": {"url": uri(PNG, "image/png")}}
AUDIO = {"type": "input_audio", "input_audio": {"data": uri(WAV, "audio/wav")}}
VIDEO = {"type": "video_url", "video_url": {"url": uri(MP4, "video/mp4")}}
OFF = {"thinking": {"type": "disabled"}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def seeing(fake: Fake) -> Iterator[dict[str, Front]]:
    """mimo before `fake`, once an engine, each of which takes everything."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(front(name, fake.url, media=ALL)) for name in UPSTREAM}


def content(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def ask(front: Front, *parts: Any, **fields: Any) -> httpx.Response:
    body = {"model": OMNI, "messages": content({"type": "text", "text": "What is this?"}, *parts), **OFF, **fields}
    return front.http.post("/v1/chat/completions", content=json.dumps(body))


def answering(fake: Fake, *deltas: dict[str, Any], finish: str = "stop", usage: Any = None) -> None:
    fake.asked.clear()

    async def behaviour(asked: Asked, out: Out) -> None:
        await out.stream(chat_events(*(deltas or ({"content": "A red square."},)), finish=finish, usage=usage))

    fake.behaviour = behaviour


def sent(fake: Fake, front: Front, *parts: Any, **fields: Any) -> Any:
    """The body that reaches the engine."""
    answering(fake)
    reply = ask(front, *parts, **fields)
    assert reply.status_code == 200, reply.text
    (asked,) = fake.asked
    assert asked.path.endswith("/chat/completions")
    return asked.body


def refused(fake: Fake, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 400, answer.text
    assert fake.asked == [], "refused before anything is sent"
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.mark.parametrize(
    ("engine", "part", "expected"),
    [
        ("hosted", IMAGE, IMAGE),
        ("hosted", AUDIO, AUDIO),
        ("hosted", VIDEO, {**VIDEO, "fps": 2.0, "media_resolution": "default"}),
        ("vllm", IMAGE, IMAGE),
        ("vllm", AUDIO, {"type": "audio_url", "audio_url": {"url": uri(WAV, "audio/wav")}}),
        ("vllm", VIDEO, VIDEO),
        ("sglang", IMAGE, IMAGE),
        ("sglang", AUDIO, {"type": "audio_url", "audio_url": {"url": uri(WAV, "audio/wav")}}),
        ("sglang", VIDEO, {"type": "video_url", "video_url": {"url": uri(MP4, "video/mp4"), "fps": 2.0}}),
        ("llama-server", IMAGE, IMAGE),
        ("llama-server", AUDIO, {"type": "input_audio", "input_audio": {"data": encoded(WAV), "format": "wav"}}),
        ("llama-server", VIDEO, {"type": "input_video", "input_video": {"data": encoded(MP4)}}),
    ],
)
def test_each_engine_receives_each_medium_in_its_own_form(seeing, fake, engine, part, expected) -> None:
    body = sent(fake, seeing[engine], part)
    assert body["messages"][-1]["content"] == [{"type": "text", "text": "What is this?"}, expected]
    rate = {"video": {"fps": 2.0, "num_frames": -1}}
    assert body.get("media_io_kwargs") == (rate if (engine, part) == ("vllm", VIDEO) else None)
    assert body["stream"] is True and "stop" not in body


def test_parts_keep_their_order_and_other_messages_stay_text(seeing, fake) -> None:
    answering(fake)
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [IMAGE, {"type": "text", "text": "a"}, AUDIO, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": None, "reasoning_content": "I look.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "seen"}, IMAGE]},
    ]
    body = {"model": OMNI, "messages": messages, "tools": [TOOL]}
    assert seeing["vllm"].http.post("/v1/chat/completions", json=body).status_code == 200
    rows = fake.asked[-1].body["messages"]
    assert [part["type"] for part in rows[1]["content"]] == ["image_url", "text", "audio_url", "text"]
    assert rows[0]["content"] == "Be brief." and rows[2]["reasoning_content"] == "I look."
    assert (rows[3]["tool_call_id"], rows[3]["content"][1]) == ("call_1", IMAGE)


@pytest.mark.parametrize("engine", RAW)
def test_only_requests_with_media_leave_the_raw_route(seeing, fake, engine) -> None:
    async def raw(asked: Asked, out: Out) -> None:
        events = {"/completion": llama_events, "/v1/completions": vllm_events, "/generate": sglang_events}
        await out.stream(events[asked.path]((300, 2)))

    sent(fake, seeing[engine], IMAGE)
    fake.asked.clear()
    fake.behaviour = raw
    assert ask(seeing[engine]).status_code == 200
    assert [asked.path for asked in fake.asked] == [seeing[engine].engine.route.path]
    assert seeing[engine].running == 0


def test_usage_is_what_the_engine_says(seeing, fake) -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 2}}
    answering(fake, {"content": "A"}, usage={"prompt_tokens": 300, "completion_tokens": 7, **details})
    usage = ask(seeing["vllm"], IMAGE).json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (300, 7, 307)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 4
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 2


# Parameters with media


@pytest.mark.parametrize("engine", RAW)
@pytest.mark.parametrize("name", sorted({*PROBES} - {"messages"}))
def test_every_parameter_is_kept_as_the_table_of_media_says(seeing, fake, name: str, engine: str) -> None:
    cell, probe = COLUMNS[engine][name], PROBES[name]
    if cell.kind == "refused":
        fake.asked.clear()
        error = refused(fake, ask(seeing[engine], IMAGE, **probe))
        assert error["code"] == "unsupported_parameter"
        assert error["param"] == name or cell.refuse is None
        return
    if name == "n":
        answering(fake)
        assert ask(seeing[engine], IMAGE, n=2).status_code == 200
        seeds = [asked.body["seed"] for asked in fake.asked]
        assert len(set(seeds)) == 2
        return
    seeded = {"seed": 7, "max_completion_tokens": 100}
    base = sent(fake, seeing[engine], IMAGE, **seeded)
    if "max_tokens" in probe:
        del seeded["max_completion_tokens"]
    switch = (
        {"thinking": None} if name in ("reasoning_effort", "chat_template_kwargs") else {}
    )  # one name of it at once
    probed = sent(fake, seeing[engine], IMAGE, **{**seeded, **switch, **probe})
    changed = {key: probed.get(key) for key in {*base, *probed} if base.get(key) != probed.get(key)}
    if cell.kind == "ours":
        assert changed == {}, "done by us, so nothing of it is sent"
    elif cell.kind == "as is":
        assert changed.get(name) == probe[name] or name in (*SPELLED, "max_completion_tokens")
        assert changed or name in UNCHANGED
    else:
        assert changed == MAPPED_BESIDE_MEDIA[name][engine]


@pytest.mark.parametrize("engine", UPSTREAM)
def test_every_column_for_media_has_a_cell_of_its_own_for_every_parameter(engine: str) -> None:
    assert {*PRINTER["parameter_rows"](), *PRINTER["MEDIA"]} <= set(COLUMNS[engine])


REFUSED: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("fps", "llama-server", {**VIDEO, "fps": 1}, {}),
    ("media_resolution", "llama-server", {**VIDEO, "media_resolution": "max"}, {}),
    ("media_resolution", "vllm", {**VIDEO, "media_resolution": "max"}, {}),
    ("media_resolution", "sglang", {**VIDEO, "media_resolution": "max"}, {}),
    ("", "llama-server", {**IMAGE, "image_url": {"url": uri(BEGINNINGS["webp"][1], "image/webp")}}, {}),
    ("", "llama-server", {**AUDIO, "input_audio": {"data": uri(BEGINNINGS["ogg"][1], "audio/ogg")}}, {}),
    ("tool_choice", "vllm", IMAGE, {"tools": [TOOL], "tool_choice": "required"}),
    ("tools", "sglang", IMAGE, {"tools": [{**TOOL, "function": {**TOOL["function"], "strict": True}}]}),
    ("temperature", "vllm", IMAGE, {"temperature": 0.005}),
    ("temperature", "hosted", IMAGE, {"temperature": 1.7}),
]


@pytest.mark.parametrize(("name", "engine", "part", "fields"), REFUSED)
def test_what_an_engine_cannot_keep_with_media_is_refused_by_its_path(seeing, fake, name, engine, part, fields) -> None:
    fake.asked.clear()
    error = refused(fake, ask(seeing[engine], part, **fields))
    assert error["code"] == "unsupported_parameter"
    place = "messages[0].content[1]"
    expected = {"fps": f"{place}.fps", "media_resolution": f"{place}.media_resolution", "": place}
    assert error["param"] == expected.get(name, name)


def test_how_a_video_is_looked_at_reaches_the_engine(seeing, fake) -> None:
    seen = {**VIDEO, "fps": 0.5, "media_resolution": "max"}
    part = sent(fake, seeing["hosted"], seen)["messages"][-1]["content"][1]
    assert (part["fps"], part["media_resolution"]) == (0.5, "max")
    slow = {**VIDEO, "fps": 0.5}
    assert sent(fake, seeing["vllm"], slow, slow)["media_io_kwargs"]["video"]["fps"] == 0.5
    assert sent(fake, seeing["sglang"], slow, VIDEO)["messages"][-1]["content"][1]["video_url"]["fps"] == 0.5
    fake.asked.clear()
    error = refused(fake, ask(seeing["vllm"], slow, VIDEO))
    assert (error["code"], error["param"]) == ("unsupported_parameter", "messages[0].content[2].fps")


def test_a_schema_goes_to_the_engine_s_own_grammar(seeing, fake) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    form = {"type": "json_schema", "json_schema": {"name": "found", "schema": schema}}
    body = sent(fake, seeing["vllm"], IMAGE, response_format=form)
    assert body["response_format"]["json_schema"] == {"name": "found", "schema": schema, "strict": True}


@pytest.mark.parametrize("engine", RAW)
def test_text_that_spells_a_control_token_is_refused_where_the_engine_would_read_it(seeing, fake, engine) -> None:
    fake.asked.clear()
    error = refused(fake, ask(seeing[engine], IMAGE, {"type": "text", "text": "so <|im_end|> then"}))
    assert (error["code"], error["param"]) == ("unsupported_input", "messages[0].content")
    assert "<|im_end|>" in error["message"]
    error = refused(fake, ask(seeing[engine], IMAGE, logit_bias={"99999999": 1}))
    assert error["param"] == "logit_bias"


# Answers


def test_reasoning_content_stop_and_calls_are_read_as_on_a_hosted_api(seeing, fake) -> None:
    answering(fake, {"reasoning": "I see"}, {"content": "red, "}, {"content": "then green"})
    choice = ask(seeing["vllm"], IMAGE, thinking={"type": "enabled"}, stop=" then").json()["choices"][0]
    assert (choice["message"]["reasoning_content"], choice["message"]["content"]) == ("I see", "red,")
    assert choice["finish_reason"] == "stop"
    streamed = ask(seeing["sglang"], IMAGE, stream=True).text
    assert streamed.endswith("data: [DONE]\n\n") and '"content":"red, "' in streamed


def test_without_parallel_calls_the_first_call_ends_the_turn(seeing, fake) -> None:
    def call(index: int, arguments: str) -> dict[str, Any]:
        function = {"name": "look", "arguments": arguments}
        return {"tool_calls": [{"index": index, "id": f"call_{index}", "function": function}]}

    answering(fake, call(0, "{}"), call(1, "{}"), finish="tool_calls")
    for engine in ("vllm", "hosted"):
        choice = ask(seeing[engine], IMAGE, tools=[TOOL], parallel_tool_calls=False).json()["choices"][0]
        assert (len(choice["message"]["tool_calls"]), choice["finish_reason"]) == (1, "tool_calls")
        choice = ask(seeing[engine], IMAGE, tools=[TOOL]).json()["choices"][0]
        assert len(choice["message"]["tool_calls"]) == 2


def test_reasoning_that_the_engine_left_in_the_text_is_an_error_that_says_what_it_lacks(seeing, fake) -> None:
    answering(fake, {"content": "\n<th"}, {"content": "ink>I see"})
    answer = ask(seeing["vllm"], IMAGE)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert "reasoning parser" in answer.json()["error"]["message"]
    answering(fake, {"content": "<thin"}, {"content": " air>"})
    assert ask(seeing["vllm"], IMAGE).json()["choices"][0]["message"]["content"] == "<thin air>"


@pytest.mark.parametrize("engine", UPSTREAM)
def test_unreadable_media_are_a_400_and_other_refusals_keep_their_status(seeing, fake, engine) -> None:
    async def refuse(asked: Asked, out: Out) -> None:
        status, words = asked.body["messages"][0]["content"][0]["text"].split(" ", 1)
        await out.reply(int(status), {"error": {"message": words}})

    fake.behaviour = refuse
    for said, expected in (
        ("400 cannot identify image file", (400, "invalid_request")),
        ("422 bad audio", (400, "invalid_request")),
        ("400 longer than the maximum context length", (400, "context_length_exceeded")),
        ("500 boom", (502, "upstream_error")),
        ("503 loading", (503, "service_unavailable")),
    ):
        body = {"model": OMNI, "messages": content({"type": "text", "text": said}, IMAGE), **OFF}
        answer = seeing[engine].http.post("/v1/chat/completions", json=body)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == expected, error
        if expected[1] == "invalid_request":
            assert error["param"] == "messages[0].content[1]" and said.partition(" ")[2] in error["message"]


# The other protocols


def test_anthropic_images_reach_the_engine_also_out_of_a_tool_s_result(seeing, fake) -> None:
    answering(fake)
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": encoded(PNG)}}
    messages = [
        {"role": "user", "content": [image, {"type": "text", "text": "Look."}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "seen"}, image]},
        ]},
    ]  # fmt: skip
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    body = {"model": OMNI, "messages": messages, "max_tokens": 50, "tools": tools}
    answer = seeing["vllm"].http.post("/v1/messages", json=body)
    assert answer.status_code == 200, answer.text
    rows = fake.asked[-1].body["messages"]
    assert [part["type"] for part in rows[0]["content"]] == ["image_url", "text"]
    assert (rows[2]["role"], rows[2]["content"][1]) == ("tool", IMAGE)
    trailing = {**body, "messages": [messages[0], {"role": "assistant", "content": "It is"}]}
    error = seeing["vllm"].http.post("/v1/messages", json=trailing)
    assert error.status_code == 400 and "with media" in error.json()["error"]["message"]


def test_responses_images_and_sounds_reach_the_engine(seeing, fake) -> None:
    answering(fake)
    parts = [
        {"type": "input_text", "text": "Look."},
        {"type": "input_image", "image_url": uri(PNG, "image/png"), "detail": "auto"},
        {"type": "input_audio", "input_audio": {"data": encoded(WAV), "format": "wav"}},
    ]
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c1", "output": [parts[1]]}
    body = {"model": OMNI, "input": [{"role": "user", "content": parts}, call, result]}
    answer = seeing["hosted"].http.post("/v1/responses", json=body)
    assert answer.status_code == 200, answer.text
    assert "x-mimo-ignored" not in answer.headers
    rows = fake.asked[-1].body["messages"]
    assert [part["type"] for part in rows[0]["content"]] == ["text", "image_url", "input_audio"]
    assert rows[2]["content"] == [IMAGE]


# What is taken here at all


def test_what_the_operator_did_not_name_is_refused_with_the_part_s_path(fronts, fake) -> None:
    for engine in RAW:
        fake.asked.clear()
        error = refused(fake, ask(fronts[engine], IMAGE))
        assert (error["code"], error["param"]) == ("unsupported_input", "messages[0].content[1]")
        assert engine in error["message"]
        served_by = fronts[engine].http.get(f"/v1/models/{OMNI}").json()["served_by"]
        assert served_by["input"] == ["text"]
    assert fronts["hosted"].http.get(f"/v1/models/{OMNI}").json()["served_by"]["input"] == ["text", *ALL]
    with front("vllm", fake.url, media=("image",)) as before:
        assert sent(fake, before, IMAGE)
        fake.asked.clear()
        error = refused(fake, ask(before, IMAGE, AUDIO))
        assert (error["code"], error["param"]) == ("unsupported_input", "messages[0].content[2]")
        error = refused(fake, ask(before, IMAGE, model="mimo-v2-flash"))
        assert "mimo-v2-flash takes text only" in error["message"]
        block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": encoded(PNG)}}
        body = {"model": OMNI, "messages": content(block)}
        counted = before.http.post("/v1/messages/count_tokens", json=body)
        assert counted.status_code == 400 and "not counted" in counted.json()["error"]["message"]
        listed = before.http.post("/v1/tokenize", json={"model": OMNI, "messages": content(IMAGE)})
        assert listed.json()["error"]["code"] == "unsupported_input"


def test_a_part_of_the_largest_size_passes_and_a_larger_one_is_413(seeing, fake) -> None:
    large = PNG + bytes(50 * MB - len(PNG))
    body = sent(fake, seeing["vllm"], {"type": "image_url", "image_url": {"url": uri(large, "image/png")}})
    assert body["messages"][-1]["content"][1]["image_url"]["url"] == uri(large, "image/png")
    fake.asked.clear()
    answer = ask(seeing["vllm"], {"type": "image_url", "image_url": {"url": uri(large + b"\0", "image/png")}})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (413, "request_too_large", "messages[0].content[1]")
    assert "50.000001 MB" in error["message"] and "at most 50 MB" in error["message"]
    assert fake.asked == []


# URLs


@pytest.fixture(scope="module")
def fetching(fake: Fake) -> Iterator[tuple[Front, str]]:
    """mimo that fetches, and the address of what it may fetch: a server here, which the test's own guard allows."""
    site = Fake()

    async def picture(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
        body = PNG if path == b"/a.png" else b"<html>inside</html>"
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(picture, "127.0.0.1", 0), site._loop).result(5)
    port = server.sockets[0].getsockname()[1]

    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "media.example" else ["10.0.0.1"]

    guard = Guard(resolve, lambda address: address == ip_address("127.0.0.1"), (port, 80))
    with front("vllm", fake.url, media=ALL, fetcher=Fetcher(guard)) as before:
        yield before, f"http://media.example:{port}"
    site.stop()


def test_a_url_is_fetched_by_us_and_the_engine_gets_the_content(fetching, fake) -> None:
    before, site = fetching
    body = sent(fake, before, {"type": "image_url", "image_url": {"url": f"{site}/a.png"}}, AUDIO)
    assert body["messages"][-1]["content"][1] == IMAGE
    assert "media.example" not in json.dumps(body)
    image = {"type": "image", "source": {"type": "url", "url": f"{site}/a.png"}}
    answer = before.http.post("/v1/messages", json={"model": OMNI, "messages": content(image)})
    assert answer.status_code == 200 and fake.asked[-1].body["messages"][0]["content"] == [IMAGE]


def test_a_url_that_leads_nowhere_good_is_a_400_with_its_path(fetching, fake) -> None:
    before, site = fetching
    for url, words in (
        (f"{site}/b", "judged by its content"),
        ("http://inside.example/a.png", "only public addresses"),
        ("http://10.0.0.1/a.png", "only public addresses"),
        ("http://u:p@media.example/a.png", "user or a password"),
    ):
        fake.asked.clear()
        error = refused(fake, ask(before, IMAGE, {"type": "image_url", "image_url": {"url": url}}))
        assert (error["code"], error["param"]) == ("invalid_request", "messages[0].content[2]")
        assert words in error["message"] and "inside</html>" not in error["message"]
    fake.asked.clear()
    error = refused(
        fake, ask(before, {"type": "image_url", "image_url": {"url": f"{site}/a.png"}}, model="mimo-v2-pro")
    )
    assert error["code"] == "unsupported_input"


def test_nothing_is_fetched_for_a_request_that_is_refused_anyway(fake: Fake) -> None:
    looked_up: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return []

    with front("vllm", fake.url, media=("audio",), fetcher=Fetcher(Guard(resolve))) as before:
        fake.asked.clear()
        part = {"type": "image_url", "image_url": {"url": "https://media.example/a.png"}}
        assert refused(fake, ask(before, part))["code"] == "unsupported_input"
        assert looked_up == []
        part = {"type": "input_audio", "input_audio": {"data": "https://media.example/a.wav"}}
        assert "only public addresses" in refused(fake, ask(before, part))["message"]
        assert looked_up == ["media.example"]


def test_mimo_serve_takes_media_by_its_settings(fake: Fake) -> None:
    arguments = ("--engine", "hosted", "--upstream", fake.url, "--upstream-model", "m", "--media", "image")
    address = {"type": "image_url", "image_url": {"url": f"{fake.url}/health"}}
    for more, words in (((), "--allow-media-urls"), (("--allow-media-urls",), "must not name a port")):
        with served(*arguments, *more) as (url, _):
            answering(fake)
            with httpx.Client(base_url=url, timeout=120) as client:
                body = {"model": OMNI, "messages": content(IMAGE)}
                assert client.post("/v1/chat/completions", json=body).status_code == 200
                assert fake.asked[-1].body["messages"][0]["content"] == [IMAGE]
                asked = len(fake.asked)
                for part, said in ((address, words), (AUDIO, "takes text, image only")):
                    error = client.post("/v1/chat/completions", json={"model": OMNI, "messages": content(part)})
                    assert error.status_code == 400 and said in error.json()["error"]["message"], error.text
                assert len(fake.asked) == asked


def test_media_are_no_setting_of_the_engine_in_this_process() -> None:
    command = [sys.executable, "-m", "mimo", "serve", "--port", "0", "--media", "image"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1 and "media: the local engine does not read it" in " ".join(ended.stderr.split())
