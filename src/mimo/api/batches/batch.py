"""One batch: its record, which outlives the process, and the lines of its input. Knows no disk and no HTTP."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from mimo.api.body import decode_object
from mimo.contract.errors import InvalidRequest

MOST_LINES = 50_000
"""Requests of one batch."""
_WINDOW = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = 7 * 86400
_MOST_ERRORS = 100
_ENDED = ("failed", "completed", "expired", "cancelled")


class Line(msgspec.Struct, frozen=True):
    """One request. `body`: JSON."""

    custom_id: str
    body: bytes


class Batch(msgspec.Struct):
    """The record. `engine`: what is to answer it (`EngineInfo.label`), which a server with another engine leaves alone.
    Times in seconds since 1970, by the status that began then."""

    id: str
    endpoint: str
    input_file_id: str
    completion_window: str
    owner: str
    engine: str
    created_at: int
    expires_at: int
    metadata: dict[str, str] | None = None
    status: str = "validating"
    times: dict[str, int] = {}
    errors: list[dict[str, Any]] = []
    output_file_id: str | None = None
    error_file_id: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in _ENDED

    def move(self, status: str) -> None:
        """Enter `status` now."""
        self.status = status
        self.times[status] = int(time.time())

    def wire(self, cancelling: bool = False) -> dict[str, object]:
        """OpenAI's batch object. `cancelling`: it was asked to end."""
        status = "cancelling" if cancelling and not self.ended else self.status
        names = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
        return {
            "id": self.id, "object": "batch", "endpoint": self.endpoint, "input_file_id": self.input_file_id,
            "completion_window": self.completion_window, "status": status, "created_at": self.created_at,
            "expires_at": self.expires_at, "metadata": self.metadata,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "output_file_id": self.output_file_id, "error_file_id": self.error_file_id,
            "request_counts": {"total": self.total, "completed": self.completed, "failed": self.failed},
            **{f"{name}_at": self.times.get(name) for name in names},
        }  # fmt: skip


def new_batch(
    endpoint: str, file_id: str, window: str, owner: str, engine: str, metadata: dict[str, str] | None
) -> Batch:
    """A batch that begins now."""
    now = int(time.time())
    ends = now + window_seconds(window)
    return Batch(f"batch_{os.urandom(16).hex()}", endpoint, file_id, window, owner, engine, now, ends, metadata)


def window_seconds(window: object) -> int:
    """How long a `completion_window` is. Raises `InvalidRequest`."""
    found = _WINDOW.fullmatch(window) if isinstance(window, str) else None
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < seconds <= LONGEST:
        words = "completion_window must be 24h, or another number of s, m, h or d, 7d at most"
        raise InvalidRequest(f"{words}, got {str(window)[:40]!r}", param="completion_window")
    return seconds


def read_lines(content: bytes, endpoint: str) -> tuple[list[Line], list[dict[str, Any]]]:
    """The requests in a file, and what is wrong with it, by line from 1."""
    lines: list[Line] = []
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, text in _numbered(content):
        try:
            if len(lines) >= MOST_LINES:
                raise InvalidRequest(f"a batch may hold at most {MOST_LINES} requests", param="input_file_id")
            lines.append(_line(text, endpoint, seen))
        except InvalidRequest as problem:
            errors.append({"code": problem.code, "line": number, "message": problem.message, "param": problem.param})
            if len(errors) >= _MOST_ERRORS or len(lines) >= MOST_LINES:
                break
    if not lines and not errors:
        words = "the file holds no request: it must have one JSON object a line"
        errors.append({"code": "empty_file", "line": None, "message": words, "param": "input_file_id"})
    return lines, errors


def _numbered(content: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, text) for number, text in enumerate(content.split(b"\n"), 1) if text.strip())


def _line(text: bytes, endpoint: str, seen: set[str]) -> Line:
    fields = decode_object(text.strip())
    name = fields.get("custom_id")
    if not isinstance(name, str) or not 0 < len(name) <= 512:
        raise InvalidRequest("custom_id must be a string of 1 to 512 characters", param="custom_id")
    if name in seen:
        raise InvalidRequest(f"custom_id must be another in every line, {name[:64]!r} comes twice", param="custom_id")
    if fields.get("method", "POST") != "POST":
        raise InvalidRequest("method must be POST", param="method")
    if fields.get("url") != endpoint:
        raise InvalidRequest(f"url must be the batch's endpoint, {endpoint}", param="url")
    body = fields.get("body")
    if not isinstance(body, Mapping):
        raise InvalidRequest(f"body must be an object, the request to {endpoint}", param="body")
    if body.get("stream"):
        raise InvalidRequest("body.stream must be false: a batch collects whole answers", param="body.stream")
    seen.add(name)
    return Line(name, msgspec.json.encode(body))
