"""The media of a message in the form of this protocol: an image, in base64 or by its URL. Knows no other block."""

from __future__ import annotations

from typing import Any

from mimo.api.protocols.parts import media_part
from mimo.api.protocols.schema import media_address
from mimo.api.protocols.shapes import Constant, Object, OneOf, Reading, Text
from mimo.media.content import inline, read
from mimo.types import Media


def image_block() -> Object:
    """Anthropic's `image` block."""
    data = Text(described=media_address("image", "base64"))
    kinds = {
        "base64": Object({"type": Constant("base64"), "media_type": Text(), "data": data}),
        "url": Object({"type": Constant("url"), "url": Text()}),
    }
    source = OneOf("type", kinds, 'an object like {"type": "base64", …}', lambda reading: "base64 or url")
    return media_part("image", {"type": Constant("image"), "source": source}, _source)


def _source(part: dict[str, Any], media: Media, reading: Reading) -> Media:
    source = part["source"]
    if source["type"] == "url":
        return read(source["url"], media, urls=reading.urls)
    return inline(source["data"], source["media_type"].lower(), media)
