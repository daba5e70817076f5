"""One chunk of an OpenAI-compatible chat stream → a plain `Delta`, in all the spellings that APIs were seen to use:
content as text or parts, arguments as text or an object, `reasoning` or `reasoning_content`, counts that are null. A
whole answer, where no stream came, is read as one chunk.

Knows no order of chunks and none of the contract's limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

import msgspec

from mimo.contract.errors import UpstreamError
from mimo.engines.upstream.http import errors
from mimo.types import FinishReason

_REASONS: Mapping[str, FinishReason] = MappingProxyType({
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "eos", "eos_token", "completed", "complete"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "max_completion_tokens", "model_length"), "length"),
    **dict.fromkeys(("tool_calls", "tool_call", "tool_use", "function_call", "function_calls"), "tool_calls"),
    **dict.fromkeys(("content_filter", "safety", "recitation", "prohibited_content", "blocklist", "refusal",
                     "sensitive"), "content_filter"),
    "repetition_truncation": "repetition_truncation",
})  # fmt: skip
"""The words of APIs for an end, in lower case. A word that is not here is a failure."""


class CallPiece(msgspec.Struct):
    """A call or more of one. `index` and `id` say to which it belongs, where the API gives them."""

    index: int | None
    id: str
    name: str
    arguments: str


class Delta(msgspec.Struct):
    """What one chunk holds. `usage`: counts so far, where there are any; those that are no count are left out."""

    content: str = ""
    reasoning: str = ""
    calls: list[CallPiece] = []
    finish: FinishReason | None = None
    usage: Mapping[str, int] | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was generated in it."""
        return not (self.content or self.reasoning or self.calls)


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, object] | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | int | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | list[object] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: object = None
    error: object = None


_decode = msgspec.json.Decoder(_Chunk).decode
_NO_DELTA = _Delta()


def read_chunk(data: bytes) -> Delta:
    """The chunk in `data`. Raises `UpstreamError` for an error in it, for an end that is a failure, and for what cannot
    be read."""
    try:
        chunk = _decode(data)
    except (ValueError, RecursionError, msgspec.MsgspecError) as problem:
        raise UpstreamError(f"upstream sent a chunk that cannot be read: {problem}") from problem
    if chunk.error is not None:
        raise errors.of_event(chunk.error)
    usage = _usage(chunk.usage)
    if not chunk.choices:
        return Delta(usage=usage)
    choice = chunk.choices[0]
    delta = choice.delta or choice.message or _NO_DELTA
    finish = _reason(choice.finish_reason) if choice.finish_reason else None
    reasoning, content = delta.reasoning_content or delta.reasoning or "", delta.content or ""
    if not isinstance(content, str):
        thought, content = _of_parts(content)
        reasoning += thought
    calls = [_call(call.index, call.id, call.function) for call in delta.tool_calls or ()]
    if delta.function_call is not None:
        calls.append(_call(None, None, delta.function_call))
    return Delta(content, reasoning, calls, finish, usage)


def _reason(said: str) -> FinishReason:
    if (reason := _REASONS.get(said.lower())) is None:
        raise UpstreamError(f"upstream ended the answer with {errors.public(said[:40])}")
    return reason


def _call(index: int | None, id: str | int | None, function: _Function | None) -> CallPiece:
    function = function or _Function()
    arguments = function.arguments or ""
    if not isinstance(arguments, str):
        arguments = msgspec.json.encode(arguments).decode()
    return CallPiece(index, "" if id is None else str(id), function.name or "", arguments)


def _of_parts(parts: list[object]) -> tuple[str, str]:
    """(reasoning, content) of an array of parts: `text` is content, `thinking` and `reasoning` are reasoning."""
    rows = [part if isinstance(part, dict) else {"text": part} for part in parts]
    reasoning = "".join(_text(row.get("thinking")) + _text(row.get("reasoning")) for row in rows)
    return reasoning, "".join(_text(row.get("text")) for row in rows)


def _text(value: object) -> str:
    """A text, or the texts of an array of parts; anything else holds none."""
    if isinstance(value, list):
        return "".join(part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str))
    return value if isinstance(value, str) else ""


_COUNTS = ("prompt_tokens", "completion_tokens")
_DETAILS = (("completion_tokens_details", "reasoning_tokens"), ("prompt_tokens_details", "cached_tokens"))


def _usage(given: object) -> Mapping[str, int] | None:
    """The counts in a usage object, by their names; None where there is no object."""
    if not isinstance(given, dict):
        return None
    found = {name: given.get(name) for name in _COUNTS}
    for group, name in _DETAILS:
        details = given.get(group)
        found[name] = details.get(name) if isinstance(details, dict) else None
    return {name: cast(int, value) for name, value in found.items() if _is_count(value)}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
