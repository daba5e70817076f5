"""The forms of media on the three chat protocols, up to the request that they become; and engines that take none."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.files import MP4, PNG, WAV, encoded, uri

from mimo.api.app import App
from mimo.api.backend import BODY_LIMIT
from mimo.api.policy import Policy
from mimo.api.protocols.anthropic_messages import request as anthropic_request
from mimo.api.protocols.fields import Decoded
from mimo.api.protocols.openai_chat import request as openai_request
from mimo.api.protocols.openai_responses import request as responses_request
from mimo.api.routes import ROUTES
from mimo.chat.prompt import chat_format
from mimo.contract.errors import ApiError, UnsupportedInput
from mimo.contract.media import BODY_BYTES, MAX_PARTS
from mimo.contract.models import MODELS
from mimo.engines.base import Capabilities
from mimo.engines.scripted.engine import ScriptedEngine
from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.generate.prepare import prepare
from mimo.generate.prompt import render
from mimo.types import Media

OMNI = "mimo-v2-omni"
TEXT = {"type": "text", "text": "a"}
IMAGE = {"type": "image_url", "image_url": {"url": uri(PNG, "image/png")}}
AUDIO = {"type": "input_audio", "input_audio": {"data": uri(WAV, "audio/wav")}}
VIDEO = {"type": "video_url", "video_url": {"url": uri(MP4, "video/mp4")}}
BLOCK = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": encoded(PNG)}}
INPUT = {"type": "input_image", "image_url": uri(PNG, "image/png")}
URL = "https://example.com/a"
PATH = "messages[0].content[0]"


def chat(*parts: Any, model: str = OMNI, urls: bool = False, role: str = "user") -> Decoded:
    body = {"model": model, "messages": [{"role": role, "content": list(parts)}]}
    return openai_request.decode(json.dumps(body).encode(), MODELS, Policy(media_urls=urls))


def messages(*blocks: Any, urls: bool = False, **fields: Any) -> Decoded:
    body = {"model": OMNI, "max_tokens": 9, "messages": [{"role": "user", "content": list(blocks)}], **fields}
    return anthropic_request.decode(json.dumps(body).encode(), MODELS, Policy(media_urls=urls))


def responses(*parts: Any, urls: bool = False, role: str = "user") -> Decoded:
    body = {"model": OMNI, "input": [{"role": role, "content": list(parts)}]}
    return responses_request.decode(json.dumps(body).encode(), MODELS, Policy(media_urls=urls))


def parts_of(decoded: Decoded) -> tuple[str | Media, ...]:
    return decoded.request.messages[-1].parts


def test_parts_become_media_with_their_path_and_text_stays_in_its_place() -> None:
    decoded = chat(TEXT, IMAGE, AUDIO, {**VIDEO, "fps": 0.1, "media_resolution": "max"}, TEXT)
    text, image, audio, video, last = parts_of(decoded)
    assert (text, last, decoded.request.messages[-1].content) == ("a", "a", "a\na")
    assert isinstance(image, Media) and isinstance(audio, Media) and isinstance(video, Media)
    assert [(one.kind, one.format, one.path) for one in (image, audio, video)] == [
        ("image", "png", "messages[0].content[1]"),
        ("audio", "wav", "messages[0].content[2]"),
        ("video", "mp4", "messages[0].content[3]"),
    ]
    assert (video.fps, video.resolution) == (0.1, "max")
    assert decoded.ignored == ()


def test_text_alone_has_no_parts() -> None:
    assert parts_of(chat(TEXT, TEXT)) == ()
    assert chat(TEXT).request.media == ()


def test_how_a_video_is_seen_has_defaults_for_absent_and_null() -> None:
    for more in ({}, {"fps": None, "media_resolution": None}):
        (video,) = parts_of(chat({**VIDEO, **more}))
        assert isinstance(video, Media) and (video.fps, video.resolution) == (2.0, "default")


def test_what_nobody_knows_is_reported_and_the_usual_detail_is_not() -> None:
    assert chat({**IMAGE, "image_url": {**IMAGE["image_url"], "detail": "auto"}}).ignored == ()
    odd = {**IMAGE, "fps": 2, "image_url": {**IMAGE["image_url"], "detail": "high"}}
    assert set(chat(odd).ignored) == {f"{PATH}.fps", f"{PATH}.image_url.detail"}
    assert chat({**VIDEO, "video_url": {**VIDEO["video_url"], "fps": 1}}).ignored == (f"{PATH}.video_url.fps",)
    assert responses({**INPUT, "detail": "high"}).ignored == ("input[0].content[0].detail",)
    assert messages({**BLOCK, "cache_control": {"type": "ephemeral"}, "a": 1}).ignored == (f"{PATH}.a",)


BAD: list[tuple[Any, str, str, str]] = [
    ({"type": "image_url"}, "invalid_request", f"{PATH}.image_url", 'an object like {"url": …}, got null'),
    ({"type": "image_url", "image_url": URL}, "invalid_request", f"{PATH}.image_url", "an object"),
    ({"type": "image_url", "image_url": {}}, "invalid_request", f"{PATH}.image_url.url", "a string, got null"),
    ({"type": "image_url", "image_url": {"url": 5}}, "invalid_request", f"{PATH}.image_url.url", "got 5"),
    ({"type": "image_url", "image_url": {"url": ""}}, "invalid_request", PATH, "is empty"),
    ({"type": "image_url", "image_url": {"url": URL}}, "invalid_request", PATH, "not fetched"),
    ({"type": "input_audio"}, "invalid_request", f"{PATH}.input_audio", '{"data": …}'),
    ({"type": "input_audio", "input_audio": {"data": 5}}, "invalid_request", f"{PATH}.input_audio.data", "got 5"),
    (
        {"type": "input_audio", "input_audio": {"data": encoded(WAV), "format": "aiff"}},
        "invalid_request",
        f"{PATH}.input_audio.format",
        "mp3, wav, flac, m4a, ogg",
    ),
    (
        {"type": "input_audio", "input_audio": {"data": encoded(WAV), "format": "mp3"}},
        "invalid_request",
        PATH,
        'says "mp3" and its content is wav',
    ),
    ({**VIDEO, "fps": 0.05}, "invalid_request", f"{PATH}.fps", "between 0.1 and 10, got 0.05"),
    ({**VIDEO, "fps": 10.5}, "invalid_request", f"{PATH}.fps", "between 0.1 and 10"),
    ({**VIDEO, "fps": "2"}, "invalid_request", f"{PATH}.fps", "a number"),
    ({**VIDEO, "fps": True}, "invalid_request", f"{PATH}.fps", "a number"),
    ({**VIDEO, "media_resolution": "min"}, "invalid_request", f"{PATH}.media_resolution", "one of default, max"),
    ({"type": "image", "image": "x"}, "invalid_request", f"{PATH}.type", "text, image_url, input_audio, video_url"),
]


@pytest.mark.parametrize(("part", "code", "param", "words"), BAD)
def test_a_part_that_is_wrong_is_named_with_its_path(part: Any, code: str, param: str, words: str) -> None:
    with pytest.raises(ApiError) as problem:
        chat(part)
    assert (problem.value.status, problem.value.code, problem.value.param) == (400, code, param)
    assert words in problem.value.message


@pytest.mark.parametrize("part", [IMAGE, AUDIO, VIDEO])
@pytest.mark.parametrize("model", ["mimo-v2-pro", "mimo-v2-flash"])
def test_a_text_model_takes_none(part: Any, model: str) -> None:
    with pytest.raises(ApiError) as problem:
        chat(TEXT, part, model=model)
    assert (problem.value.code, problem.value.param) == ("unsupported_input", "messages[0].content[1]")
    assert f"{model} takes text only" in problem.value.message


@pytest.mark.parametrize("role", ["system", "developer", "assistant"])
def test_only_users_and_tools_show_things(role: str) -> None:
    with pytest.raises(ApiError, match=r"must be (text|one of text, refusal)"):
        chat(IMAGE, role=role)
    with pytest.raises(ApiError, match="input_text or output_text, got"):
        responses(INPUT, role=role)


def test_too_many_parts_are_refused_over_the_whole_request() -> None:
    turns = [{"role": "user", "content": [IMAGE] * (MAX_PARTS // 2)}] * 2
    body = {"model": OMNI, "messages": [*turns, {"role": "user", "content": [TEXT]}]}
    assert len(openai_request.decode(json.dumps(body).encode(), MODELS, Policy()).request.media) == MAX_PARTS
    body["messages"][-1]["content"].append(AUDIO)  # type: ignore[index]
    with pytest.raises(ApiError, match=f"at most {MAX_PARTS}") as problem:
        openai_request.decode(json.dumps(body).encode(), MODELS, Policy())
    assert problem.value.param == "messages[2].content[1]"


def test_urls_are_kept_for_the_fetcher_where_they_are_allowed() -> None:
    spoken = {"type": "input_audio", "input_audio": {"data": URL, "format": "wav"}}
    shown = {"type": "image_url", "image_url": {"url": URL}}
    found = chat(shown, spoken, {"type": "video_url", "video_url": {"url": URL}}, urls=True).request.media
    assert [(media.url, media.fetched, media.format) for media in found] == [
        (URL, False, ""), (URL, False, "wav"), (URL, False, ""),
    ]  # fmt: skip
    assert messages({"type": "image", "source": {"type": "url", "url": URL}}, urls=True).request.media[0].url == URL
    assert responses({"type": "input_image", "image_url": URL}, urls=True).request.media[0].url == URL


# Anthropic


def test_blocks_around_a_tool_s_result_become_messages_in_their_order() -> None:
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [BLOCK], "is_error": True}
    body = {"messages": [call, {"role": "user", "content": [TEXT, BLOCK, result, BLOCK]}]}
    _, before, tool, after = messages(**body).request.messages
    assert [message.role for message in (before, tool, after)] == ["user", "tool", "user"]
    assert [media.path for media in (*before.media, *tool.media, *after.media)] == [
        "messages[1].content[1]", "messages[1].content[2].content[0]", "messages[1].content[3]",
    ]  # fmt: skip
    assert tool.parts[0] == "Error: " == tool.content


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "source must be an object"),
        ({}, "source.type must be base64 or url, got null"),
        ({"type": "file", "file_id": "f"}, 'base64 or url, got "file"'),
        ({"type": "base64", "data": encoded(PNG)}, "media_type must be a string"),
        ({"type": "base64", "media_type": "image/png"}, "data must be a string"),
        ({"type": "base64", "media_type": "image/png", "data": ""}, "is empty"),
        ({"type": "base64", "media_type": "image/jpeg", "data": encoded(PNG)}, "its content is png"),
        ({"type": "base64", "media_type": "image/png", "data": uri(PNG, "image/png")}, "must be base64"),
        ({"type": "url"}, "url must be a string"),
        ({"type": "url", "url": URL}, "not fetched"),
    ],
)
def test_a_source_that_is_wrong_is_named(source: Any, words: str) -> None:
    with pytest.raises(ApiError) as problem:
        messages({"type": "image", "source": source})
    assert problem.value.status == 400 and words in problem.value.message
    assert (problem.value.param or "").startswith(PATH)


def test_the_assistant_shows_nothing() -> None:
    with pytest.raises(ApiError, match="one of text, thinking"):
        messages(TEXT, messages=[{"role": "assistant", "content": [BLOCK]}, {"role": "user", "content": "a"}])


# Responses


@pytest.mark.parametrize(
    ("part", "code", "words"),
    [
        ({"type": "input_image", "file_id": "f"}, "invalid_request", "no files are kept here"),
        ({"type": "input_image"}, "invalid_request", "image_url must be a string"),
        ({"type": "input_image", "image_url": {"url": "x"}}, "invalid_request", "image_url must be a string"),
        ({"type": "input_file", "file_data": "x"}, "unsupported_input", "files are not read here"),
        ({"type": "input_video", "video_url": "x"}, "invalid_request", "input_image or input_audio"),
    ],
)
def test_an_input_part_that_is_wrong_is_named(part: Any, code: str, words: str) -> None:
    with pytest.raises(ApiError) as problem:
        responses(part)
    assert problem.value.code == code and words in problem.value.message
    assert (problem.value.param or "").startswith("input[0].content[0]")


def test_the_response_does_not_keep_the_input() -> None:
    body = {"model": OMNI, "input": [{"role": "user", "content": [INPUT]}], "metadata": {"a": "b"}}
    asked = responses_request.decode(json.dumps(body).encode(), MODELS, Policy())
    assert "input" not in asked.fields and asked.fields["metadata"] == {"a": "b"}


# Anything at all

values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9) | st.just({})
addresses = st.text(max_size=9) | st.sampled_from(
    [
        uri(PNG, "image/png"),
        uri(WAV, "audio/wav"),
        encoded(WAV),
        URL,
        "data:,",
        "data:;base64,AAAA",
        "https://[::1",
        "//",
    ]
)


def some(**fields: Any) -> Any:
    return st.fixed_dictionaries({}, optional={name: strategy | values for name, strategy in fields.items()})


kinds = ["text", "image_url", "input_audio", "video_url", "input_text", "input_image", "input_file", "image"]
anything = some(
    type=st.sampled_from(kinds), text=st.text(max_size=9), image_url=some(url=addresses) | addresses,
    input_audio=some(data=addresses, format=st.sampled_from(["wav", "mp3"])), video_url=some(url=addresses),
    fps=st.floats(0, 11), media_resolution=st.sampled_from(["default", "max"]),
    source=some(type=st.sampled_from(["base64", "url"]), media_type=st.text(max_size=9), data=addresses, url=addresses),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(anything | values, max_size=3), st.booleans())
def test_no_part_at_all_raises_anything_but_an_api_error(parts: list[Any], urls: bool) -> None:
    for decode in (chat, messages, responses):
        try:
            decoded = decode(*parts, urls=urls)
        except ApiError as error:
            assert error.status == 400 and error.param and "\n" not in error.message
        else:
            assert all(media.fetched or urls for media in decoded.request.media)


# The engine that answers


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": [IMAGE]}]}),
        ("/v1/messages", {"messages": [{"role": "user", "content": [BLOCK]}]}),
        ("/v1/responses", {"input": [{"role": "user", "content": [INPUT]}]}),
        ("/v1/tokenize", {"messages": [{"role": "user", "content": [IMAGE]}]}),
        ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": [BLOCK]}]}),
    ],
)
def test_an_engine_without_media_refuses_them_and_never_drops_them(server, path: str, body: dict[str, Any]) -> None:
    answer = server.post(json.dumps({"model": OMNI, **body}), path)
    assert answer.status_code == 400
    error = answer.json()["error"]
    place = "input[0].content[0]" if "input" in body else PATH
    assert error["message"].startswith(f"{place} is image")
    assert error.get("param", place) == place
    assert error.get("code", "unsupported_input") == "unsupported_input"


def test_media_that_an_engine_does_not_take_are_refused_before_and_while_rendering() -> None:
    engine = ScriptedEngine(Script([ScriptedAnswer([])]))
    form = chat_format(None, engine.tokenizer)
    for start in (lambda request: prepare(request, engine, form), lambda request: render(request, form)):
        with pytest.raises(UnsupportedInput, match="is image"):
            start(chat(TEXT, IMAGE).request)


def test_the_largest_body_follows_from_what_the_engine_takes() -> None:
    engine = ScriptedEngine(Script([ScriptedAnswer([])]))
    app = App(engine, chat_format(None, engine.tokenizer), routes=ROUTES)
    assert app.backend.body_limit == BODY_LIMIT
    engine.capabilities = Capabilities(("image",))
    assert app.backend.body_limit == BODY_BYTES
    assert (
        App(engine, chat_format(None, engine.tokenizer), routes=ROUTES, policy=Policy(body_limit=5)).backend.body_limit
        == 5
    )


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (
            "ChatCompletionRequest",
            {"messages": [{"role": "user", "content": [TEXT, IMAGE, AUDIO, {**VIDEO, "fps": 3}]}]},
        ),
        ("MessagesRequest", {"messages": [{"role": "user", "content": [TEXT, BLOCK]}]}),
        ("ResponsesRequest", {"input": [{"type": "message", "role": "user", "content": [INPUT, AUDIO]}]}),
    ],
)
def test_the_openapi_document_knows_the_forms_and_no_others(server, schema: str, body: dict[str, Any]) -> None:
    document = server.http.get("/openapi.json").json()
    validator = jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{schema}", **document})
    validator.validate({"model": OMNI, **body})
    text = json.dumps(body)
    for old, new in (('"fps": 3', '"fps": 11'), ('"source"', '"sauce"'), ('"input_image"', '"input_picture"')):
        if old in text:
            assert not validator.is_valid(json.loads(text.replace(old, new)) | {"model": OMNI})
