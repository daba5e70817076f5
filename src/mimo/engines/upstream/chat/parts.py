"""What the cells of the chat routes send: a conversation with its media, each in the form that the engine takes.

A part's function is given a `Media` that was fetched and checked, and never an address. Knows no parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from mimo.contract.request import ChatRequest
from mimo.types import Media, MediaKind, Message

Sent = Mapping[str, object]
Part = Callable[[Media], Sent]


def image_url(media: Media) -> Sent:
    """As every one of them takes it."""
    return {"type": "image_url", "image_url": {"url": media.url}}


def audio_uri(media: Media) -> Sent:
    """MiMo's hosted API: a data URI where OpenAI has bare base64."""
    return {"type": "input_audio", "input_audio": {"data": media.url}}


def audio_url(media: Media) -> Sent:
    """vLLM and SGLang: any format, by its media type; their `input_audio` makes the type from a name."""
    return {"type": "audio_url", "audio_url": {"url": media.url}}


def audio_base64(media: Media) -> Sent:
    """llama-server: bare base64."""
    return {"type": "input_audio", "input_audio": {"data": _bare(media), "format": media.format}}


def video_viewed(media: Media) -> Sent:
    """MiMo's hosted API: how to look at it is said next to it."""
    url = {"url": media.url}
    return {"type": "video_url", "video_url": url, "fps": media.fps, "media_resolution": media.resolution}


def video_url(media: Media) -> Sent:
    """vLLM: how to look at it stands elsewhere in the request."""
    return {"type": "video_url", "video_url": {"url": media.url}}


def video_fps(media: Media) -> Sent:
    """SGLang: the rate is said next to the address."""
    return {"type": "video_url", "video_url": {"url": media.url, "fps": media.fps}}


def video_base64(media: Media) -> Sent:
    """llama-server: bare base64."""
    return {"type": "input_video", "input_video": {"data": _bare(media)}}


def _bare(media: Media) -> str:
    return media.url[media.url.index(",") + 1 :]


def messages(parts: Mapping[MediaKind, Part]) -> Callable[[ChatRequest], Sent]:
    """The conversation in OpenAI's form, its media as `parts` write them."""
    return lambda request: {"messages": [_message(message, parts) for message in request.messages]}


def _message(message: Message, parts: Mapping[MediaKind, Part]) -> Sent:
    row: dict[str, object] = {"role": message.role, "content": _content(message, parts)}
    for name in ("reasoning_content", "tool_call_id", "name"):
        if (value := getattr(message, name)) is not None:
            row[name] = value
    if message.tool_calls:
        row["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return row


def _arguments(given: Mapping[str, object] | str) -> str:
    return given if isinstance(given, str) else msgspec.json.encode(given).decode()


def _content(message: Message, parts: Mapping[MediaKind, Part]) -> object:
    if not message.parts:
        return message.content
    return [
        {"type": "text", "text": part} if isinstance(part, str) else parts[part.kind](part) for part in message.parts
    ]
