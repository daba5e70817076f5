"""The shapes of chat completions in the OpenAPI document: requests from the parameters table, the rest written out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mimo.api.protocols.openai_chat.request import FIELDS
from mimo.api.protocols.schema import (
    COUNT,
    OBJECT,
    STRING,
    Schema,
    any_of,
    array,
    audio_part,
    content,
    media_address,
    obj,
    part,
    text_part,
)
from mimo.contract.media import DEFAULT_FPS, FPS, RESOLUTIONS


def schemas(model: Schema, describe: Callable[[str], Schema]) -> Schema:
    """Requests and answers by name; `describe` gives the schema of a row of the parameters table."""
    rows: Schema = {name: describe(row) for name, row in FIELDS.items()}
    return {
        "ChatCompletionRequest": obj({"model": model, "messages": messages(), **rows}, ("model", "messages")),
        "ChatCompletion": obj({
            "id": STRING, "object": {"const": "chat.completion"}, "created": COUNT, "model": STRING,
            "system_fingerprint": STRING, "choices": {"type": "array", "items": OBJECT}, "usage": OBJECT,
        }),
    }  # fmt: skip


def messages() -> Schema:
    """A conversation."""
    return array(any_of(*_messages()))


def _messages() -> Iterable[Schema]:
    optional: Schema = {"type": ["string", "null"]}
    text, parts = content([text_part()]), content(_parts())
    for role in ("system", "developer", "user", "assistant"):
        properties = {"role": {"const": role}, "content": parts if role == "user" else text, "name": optional}
        if role == "assistant":
            properties["reasoning_content"] = optional
        yield obj(properties, ("role", "content"))
    yield obj({"role": {"const": "tool"}, "content": parts, "tool_call_id": {"type": "string", "minLength": 1}})


def _parts() -> list[Schema]:
    """Text, images, sounds and videos."""
    fps: Schema = {"type": "number", "minimum": FPS[0], "maximum": FPS[1], "default": DEFAULT_FPS}
    resolution: Schema = {"enum": list(RESOLUTIONS), "default": RESOLUTIONS[0]}
    return [
        text_part(),
        part("image_url", {"image_url": obj({"url": media_address("image")})}),
        audio_part(),
        part(
            "video_url",
            {"video_url": obj({"url": media_address("video")})},
            {"fps": fps, "media_resolution": resolution},
        ),
    ]
