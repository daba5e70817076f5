"""A picture or a sound from a file as a part of a message. What the file is, its first bytes say."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from mimo.cli.chat.contents import contents, why
from mimo.contract.errors import StartError
from mimo.contract.media import MB, MEDIA
from mimo.media.sniff import HEAD, formats_of
from mimo.types import MediaKind


class AttachError(StartError):
    """A file that cannot be sent: the message names it and says why."""


def part(kind: MediaKind, path: Path) -> dict[str, Any]:
    """The file as a part of the chat completions form. Raises `AttachError`."""
    row = MEDIA[kind]
    try:
        size = path.stat().st_size
        if size > row.inline:
            raise AttachError(f"{path} has {size / MB:.0f} MB, and one {kind} may have {row.inline // MB} MB at most")
        data = contents(path, row.inline)
    except OSError as problem:
        raise AttachError(f"cannot read {path}: {why(problem)}") from None
    form = next((name for name in formats_of(data[:HEAD]) if name in row.formats), None)
    if form is None:
        raise AttachError(f"{path} is no {kind} in one of the formats {', '.join(row.formats)}")
    text = base64.b64encode(data).decode()
    if kind == "audio":
        return {"type": "input_audio", "input_audio": {"data": text, "format": form}}
    return {"type": f"{kind}_url", f"{kind}_url": {"url": f"data:{row.formats[form][0]};base64,{text}"}}


def words(content: object) -> str:
    """The text of a message's content, which may have other parts."""
    if isinstance(content, list):
        texts = (one.get("text") for one in content if isinstance(one, dict) and one.get("type") == "text")
        return "\n".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def media(content: object) -> list[dict[str, Any]]:
    """The parts of a message's content that are no text."""
    parts = content if isinstance(content, list) else []
    return [one for one in parts if isinstance(one, dict) and one.get("type") != "text"]
