"""The parts of a message in the OpenAPI document: text, and media in each protocol's form, from the media's own table.

What is between the kinds (which model and which engine takes what) is said in words: the document is one for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mimo.contract.media import DEFAULT_FPS, FPS, MEDIA, RESOLUTIONS, megabytes, names
from mimo.types import MediaKind

Schema = dict[str, object]
_STRING: Schema = {"type": "string"}
_NOTE = "Only where the model and the engine behind it take it: `GET /v1/models/ID`, `served_by.input`."


def content(parts: Iterable[Schema]) -> Schema:
    """What stands in `content`: text, or an array of `parts`."""
    return {"anyOf": [_STRING, {"type": "array", "minItems": 1, "items": _one_of(list(parts))}]}


def text_part(kind: str = "text") -> Schema:
    """A part that is text."""
    return _part(kind, text=_STRING)


def chat_parts() -> list[Schema]:
    """Chat completions: text, images, sounds and videos."""
    fps: Schema = {"type": "number", "minimum": FPS[0], "maximum": FPS[1], "default": DEFAULT_FPS}
    seen: Schema = {"enum": list(RESOLUTIONS), "default": RESOLUTIONS[0]}
    return [
        text_part(),
        _part("image_url", image_url=_object(url=_address("image"))),
        _part("input_audio", input_audio=_audio()),
        _part("video_url", {"fps": fps, "media_resolution": seen}, video_url=_object(url=_address("video"))),
    ]


def anthropic_parts() -> list[Schema]:
    """Messages: text and images."""
    inline = _object(type={"const": "base64"}, media_type=_STRING, data=_address("image", "base64"))
    return [text_part(), _part("image", source=_one_of([inline, _object(type={"const": "url"}, url=_STRING)]))]


def responses_parts() -> list[Schema]:
    """Responses: text, images and sounds."""
    image = _part("input_image", image_url=_address("image"))
    return [text_part("input_text"), image, _part("input_audio", input_audio=_audio())]


def _audio() -> Schema:
    form: Schema = {"enum": list(MEDIA["audio"].formats)}
    data = _address("audio", "data URI, base64")
    return {"type": "object", "properties": {"data": data, "format": form}, "required": ["data"]}


def _address(kind: MediaKind, form: str = "data URI") -> Schema:
    medium = MEDIA[kind]
    words = f"{names(kind)}: {form} of at most {megabytes(medium.inline)}, or http(s) URL of at most "
    return {"type": "string", "description": f"{words}{megabytes(medium.fetched)} where URLs are allowed. {_NOTE}"}


def _part(kind: str, optional: Mapping[str, object] | None = None, **properties: object) -> Schema:
    held = _object(type={"const": kind}, **properties)
    return {**held, "properties": {"type": {"const": kind}, **properties, **(optional or {})}}


def _object(**properties: object) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _one_of(schemas: list[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
