"""The images, sounds and videos in a request, in the forms of the three chat protocols → `Media`.

One `MediaParts` reads those of one request and counts them. Knows the forms; `media/content.py` looks at the content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mimo.contract import checks
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest, UnsupportedInput
from mimo.contract.media import DEFAULT_FPS, FPS, MAX_PARTS, MEDIA, RESOLUTIONS
from mimo.contract.models import Model
from mimo.media.content import inline, read, refused
from mimo.types import Media, MediaKind

CHAT: Mapping[str, MediaKind] = {"image_url": "image", "input_audio": "audio", "video_url": "video"}
"""Types of the parts of chat completions."""
RESPONSES: Mapping[str, MediaKind] = {"input_image": "image", "input_audio": "audio"}
"""Types of the parts of the Responses API."""

Content = tuple[str | Media, ...]
"""The parts of one message in their order."""

_BESIDE = frozenset({"type", "cache_control"})
_Part = dict[str, object]


def text_of(parts: Content) -> str:
    """The text among `parts`."""
    return "".join(part for part in parts if isinstance(part, str))


def kept(parts: Content) -> Content:
    """`parts` where there are media among them; else nothing, since the text says it all."""
    return parts if any(isinstance(part, Media) for part in parts) else ()


@dataclass(slots=True)
class MediaParts:
    """Reads the media of one request for `model`. `urls`: the operator lets us fetch. `ignored`: paths of fields that
    nobody knows are added to it."""

    model: Model
    urls: bool
    ignored: list[str] = field(default_factory=list)
    _count: int = 0

    def chat(self, part: _Part, path: str) -> Media:
        """A part of chat completions whose type is one of `CHAT`."""
        name = str(part["type"])
        media = self._admit(CHAT[name], path)
        self._unknown(part, path, name, *(("fps", "media_resolution") if media.kind == "video" else ()))
        held = _object(part, name, path)
        if media.kind == "audio":
            return self._audio(held, f"{path}.{name}", media)
        self._unknown(held, f"{path}.{name}", "url", *(("detail",) if held.get("detail") in (None, "auto") else ()))
        if media.kind == "video":
            media = self._viewed(part, path, media)
        return read(_string(held, "url", f"{path}.{name}"), media, urls=self.urls)

    def responses(self, part: _Part, path: str) -> Media:
        """A part of the Responses API whose type is one of `RESPONSES`."""
        name = str(part["type"])
        media = self._admit(RESPONSES[name], path)
        if media.kind == "audio":
            self._unknown(part, path, name)
            return self._audio(_object(part, name, path), f"{path}.{name}", media)
        if part.get("file_id") is not None:
            raise refused(media, "names a file, and no files are kept here; send its content in image_url")
        self._unknown(part, path, "image_url", "file_id", *(("detail",) if part.get("detail") == "auto" else ()))
        return read(_string(part, "image_url", path), media, urls=self.urls)

    def anthropic(self, block: _Part, path: str) -> Media:
        """An `image` block."""
        media = self._admit("image", path)
        source = _object(block, "source", path)
        where, kind = f"{path}.source", source.get("type")
        if kind == "base64":
            self._unknown(source, where, "media_type", "data")
            return inline(_string(source, "data", where), _string(source, "media_type", where).lower(), media)
        if kind == "url":
            self._unknown(source, where, "url")
            return read(_string(source, "url", where), media, urls=self.urls)
        refuse(f"{where}.type", "base64 or url", kind)

    def _admit(self, kind: MediaKind, path: str) -> Media:
        """A new one at `path`, if the model takes its kind and there are not too many."""
        refuse_for(self.model, kind, path)
        self._count += 1
        if self._count > MAX_PARTS:
            words = f"is one too many: a request may hold at most {MAX_PARTS} images, sounds and videos"
            raise InvalidRequest(f"{path} {words}; leave older ones out", param=path)
        return Media(kind, "", path)

    def _audio(self, held: _Part, path: str, media: Media) -> Media:
        self._unknown(held, path, "data", "format")
        form = held.get("format")
        if form is not None:
            checks.one_of(form, f"{path}.format", MEDIA["audio"].formats)
        return read(_string(held, "data", path), replace(media, format=str(form or "")), urls=self.urls)

    def _viewed(self, part: _Part, path: str, media: Media) -> Media:
        """How a video is to be looked at."""
        fps, resolution = part.get("fps"), part.get("media_resolution")
        if fps is None:
            fps = DEFAULT_FPS
        if resolution is None:
            resolution = RESOLUTIONS[0]
        return replace(
            media,
            fps=checks.number(fps, f"{path}.fps", *FPS),
            resolution=checks.one_of(resolution, f"{path}.media_resolution", RESOLUTIONS),
        )

    def _unknown(self, held: _Part, path: str, *known: str) -> None:
        self.ignored += [
            f"{path}.{name[:64]}"
            for name, value in held.items()
            if name not in known and name not in _BESIDE and value is not None
        ]


def refuse_for(model: Model, kind: str, path: str) -> None:
    """Raise `UnsupportedInput` if `model` does not take `kind`."""
    if kind not in model.input:
        takes = " and ".join(model.input) if len(model.input) < 3 else ", ".join(model.input)
        raise UnsupportedInput(f"{path} is {kind} and {model.id} takes {takes} only; leave it out", param=path)


def _object(part: _Part, name: str, path: str) -> _Part:
    held = part.get(name)
    if not isinstance(held, dict):
        words = {"input_audio": '{"data": …}', "source": '{"type": "base64", …}'}.get(name, '{"url": …}')
        refuse(f"{path}.{name}", f"an object like {words}", held)
    return held


def _string(held: _Part, name: str, path: str) -> str:
    value = held.get(name)
    if not isinstance(value, str):
        refuse(f"{path}.{name}", "a string", value)
    return value
