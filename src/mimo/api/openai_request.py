"""The body of POST /v1/chat/completions → a `ChatRequest`, and what to tell the client about fields nobody knows.

    bytes → JSON object → model → messages → parameters

Knows the wire's field names; knows no engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mimo.api.body import decode_object
from mimo.api.openai_messages import missing_reasoning, read_messages
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import Model, find_model
from mimo.contract.parameters import describe, resolve
from mimo.types import ChatRequest

HEADER_LIMIT = 1024
"""The most characters a header made from a client's own words may have."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How lenient the operator is: `strict` refuses unknown fields, `require_reasoning_passback` lost reasoning."""

    strict: bool = False
    require_reasoning_passback: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """The request, the unknown fields, and things worth a notice."""

    request: ChatRequest
    ignored: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    def headers(self) -> list[tuple[str, str]]:
        """What was really used, what was not, and what is missing, as response headers."""
        lines = [("x-mimo-parameters", describe(self.request.params))]
        for name, words in (("x-mimo-ignored", self.ignored), ("x-mimo-notice", self.notices)):
            if words:
                lines.append((name, header_list(words)))
        return lines


def decode(body: bytes, models: Mapping[str, Model], wishes: Wishes) -> Decoded:
    """Check everything that can be checked without an engine. Raises `InvalidRequest`, `NotFound` for the model."""
    fields = decode_object(body)
    model = requested_model(fields, models)
    messages, unknown = read_messages(fields.get("messages"), model)
    resolved = resolve(fields, model, strict=wishes.strict)
    if unknown and wishes.strict:
        raise InvalidRequest(f"unknown field {unknown[0]!r}", param=unknown[0])
    missing = missing_reasoning(messages) if resolved.params.thinking else []
    if missing and wishes.require_reasoning_passback:
        raise InvalidRequest(f"{missing[0]} is required: with thinking on it must be passed back", param=missing[0])
    return Decoded(
        ChatRequest(model, resolved.params, messages),
        ignored=(*resolved.ignored, *unknown),
        notices=tuple(f"{path} is missing; the model does not see what it thought" for path in missing),
    )


def requested_model(fields: Mapping[str, object], models: Mapping[str, Model]) -> Model:
    """The row of the `model` field. Raises `InvalidRequest` when it is missing, `NotFound` when unknown."""
    name = fields.get("model")
    if not isinstance(name, str) or not name:
        came = "" if name is None else ", got something else"
        raise InvalidRequest(f"model is required: one of {', '.join(models)}{came}", param="model")
    return find_model(name, models)


def header_list(words: tuple[str, ...]) -> str:
    """`words` with commas between, in printable ASCII, cut to `HEADER_LIMIT` characters."""
    text = ""
    for at, word in enumerate(words):
        safe = "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() for c in word)
        if len(text) + len(safe) > HEADER_LIMIT - 40:
            return f"{text}, and {len(words) - at} more" if text else f"{safe[: HEADER_LIMIT - 40]}..."
        text = f"{text}, {safe}" if text else safe
    return text
