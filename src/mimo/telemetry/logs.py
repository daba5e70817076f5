"""How log records become lines on stderr: text for people, or JSON lines for programs.

A line is one line: control characters of what is logged are escaped, but for the line breaks of a traceback in text.
Knows no request but its id.
"""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import msgspec

from mimo.api.exchange import REQUEST_ID

Form = Literal["text", "json"]
_ENCODER = msgspec.json.Encoder()
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def one_line(text: str) -> str:
    """`text` with its control characters escaped."""
    if text.isprintable():
        return text
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def time_text(seconds: float) -> str:
    """A time since 1970 as people and programs read it, to the millisecond."""
    return f"{_second(int(seconds))}.{int(seconds % 1 * 1000):03d}Z"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    """A time up to its second, which most lines have in common with the one before."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def configure(form: Form) -> None:
    """Send warnings and errors of the server and its libraries to stderr in this form, in place of what was there."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATTERS[form]())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class TextFormatter(logging.Formatter):
    """`2026-11-25T18:30:00.123Z WARNING mimo.upstream: words (request req_1)`, and a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        request_id = REQUEST_ID.get()
        about = f" (request {request_id})" if request_id and request_id not in record.getMessage() else ""
        line = f"{time_text(record.created)} {record.levelname} {record.name}: {one_line(record.getMessage())}{about}"
        return "\n".join([line, *(one_line(below) for below in _traceback(record).splitlines())])


class JsonFormatter(logging.Formatter):
    """An object with time, level, logger, message, and where there are any request_id and traceback."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": time_text(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": REQUEST_ID.get(),
            "traceback": _traceback(record),
        }
        return json_line({name: value for name, value in fields.items() if value})


FORMATTERS: dict[Form, Callable[[], logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}


def json_line(fields: dict[str, object]) -> str:
    """`fields` as JSON in ASCII, so that no reader of lines cuts it in two."""
    try:
        line = _ENCODER.encode(fields)
        return line.decode() if line.isascii() else json.dumps(fields)
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(fields)


class JsonConsole(io.TextIOBase):
    """A file for what is printed for people: every line of it becomes a record as `JsonFormatter` writes it."""

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.strip():
                now = time_text(datetime.now(UTC).timestamp())
                print(json_line({"time": now, "level": "INFO", "logger": "mimo", "message": line}), file=sys.stderr)
        return len(text)


def _traceback(record: logging.LogRecord) -> str:
    return "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
