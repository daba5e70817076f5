"""The media of a message in the forms of the protocols, as shapes that read to `Media`; and content as text and media.

What the content is, `media/content.py` looks at. Knows no message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mimo.api.protocols.schema import Schema, media_address
from mimo.api.protocols.shapes import Checked, Constant, Object, Optional, Reading, Shape, Text, Unused
from mimo.contract import checks
from mimo.contract.errors import InvalidRequest, UnsupportedInput
from mimo.contract.media import DEFAULT_FPS, FPS, MAX_PARTS, MEDIA, RESOLUTIONS
from mimo.contract.models import Model
from mimo.media.content import read
from mimo.types import Media, MediaKind

Parts = tuple[str | Media, ...]
"""The parts of one message in their order."""
EXTRAS: Mapping[str, Shape[Any]] = {"cache_control": Unused()}
"""Members that any part may have."""
URL = 'an object like {"url": …}'


def text_of(parts: Sequence[str | Media]) -> str:
    """The text among `parts`, in every protocol and for system blocks too: a part begins a line.

    vLLM and llama.cpp join the parts of chat completions so; SGLang puts a space. With nothing between, as both have it
    for Anthropic's system blocks, the last word of one part and the first of the next are one word.
    """
    return "\n".join(part for part in parts if isinstance(part, str))


def with_media(parts: Sequence[str | Media]) -> Parts:
    """`parts` where there are media among them; else nothing, since the text says it all."""
    return tuple(parts) if any(isinstance(part, Media) for part in parts) else ()


def text_part(kind: str = "text", name: str = "text", **others: Shape[Any]) -> Object:
    """A part that is text, read as a string."""
    members = {"type": Constant(kind), name: Text(), **others, **EXTRAS}
    return Object(members, build=lambda part, path, reading: part[name])


def media_part(
    kind: MediaKind, members: Mapping[str, Shape[Any]], build: Callable[[dict[str, Any], Media, Reading], Media]
) -> Object:
    """A part that is a medium, if the model takes its kind and there are not too many. `build` gets it empty."""
    return Object(
        {**members, **EXTRAS},
        build=lambda part, path, reading: build(part, Media(kind, "", path), reading),
        before=lambda path, reading: _admit(kind, path, reading),
    )


def audio_part() -> Object:
    """The part that is a sound, in OpenAI's form."""
    formats = MEDIA["audio"].formats
    data = Text(described=media_address("audio", "data URI, base64"))
    form = Optional(Checked(partial(checks.one_of, words=formats), {"enum": list(formats)}))
    sound = Object({"data": data, "format": form}, 'an object like {"data": …}')
    return media_part("audio", {"type": Constant("input_audio"), "input_audio": sound}, _audio)


def image_part() -> Object:
    """The part that is an image, in chat completions' form."""
    image = Object({"url": Text(described=media_address("image")), "detail": Unused("auto")}, URL)
    return media_part(
        "image",
        {"type": Constant("image_url"), "image_url": image},
        lambda part, media, reading: read(part["image_url"]["url"], media, urls=reading.urls),
    )


def video_part() -> Object:
    """The part that is a video, in chat completions' form."""
    video = Object({"url": Text(described=media_address("video"))}, URL)
    fps: Schema = {"type": "number", "minimum": FPS[0], "maximum": FPS[1], "default": DEFAULT_FPS}
    resolution: Schema = {"enum": list(RESOLUTIONS), "default": RESOLUTIONS[0]}
    members = {
        "type": Constant("video_url"),
        "video_url": video,
        "fps": Optional(Checked(partial(checks.number, minimum=FPS[0], maximum=FPS[1]), fps)),
        "media_resolution": Optional(Checked(partial(checks.one_of, words=RESOLUTIONS), resolution)),
    }
    return media_part("video", members, _video)


def _audio(part: dict[str, Any], media: Media, reading: Reading) -> Media:
    sound = part["input_audio"]
    return read(sound["data"], replace(media, format=sound["format"] or ""), urls=reading.urls)


def _video(part: dict[str, Any], media: Media, reading: Reading) -> Media:
    fps, resolution = part["fps"], part["media_resolution"]
    media = replace(
        media,
        fps=DEFAULT_FPS if fps is None else fps,
        resolution=RESOLUTIONS[0] if resolution is None else resolution,
    )
    return read(part["video_url"]["url"], media, urls=reading.urls)


def _admit(kind: MediaKind, path: str, reading: Reading) -> None:
    refuse_for(reading.model, kind, path)
    reading.media += 1
    if reading.media > MAX_PARTS:
        words = f"is one too many: a request may hold at most {MAX_PARTS} images, sounds and videos"
        raise InvalidRequest(f"{path} {words}; leave older ones out", param=path)


def refuse_for(model: Model, kind: str, path: str) -> None:
    """Raise `UnsupportedInput` if `model` does not take `kind`."""
    if kind not in model.input:
        takes = " and ".join(model.input) if len(model.input) < 3 else ", ".join(model.input)
        raise UnsupportedInput(f"{path} is {kind} and {model.id} takes {takes} only; leave it out", param=path)
