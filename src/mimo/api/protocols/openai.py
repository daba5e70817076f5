"""What OpenAI's three protocols share: roles, arguments of calls, log-probabilities and usage in their form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from mimo.api.protocols.schema import Schema
from mimo.api.protocols.shapes import Reading, Shape
from mimo.contract.checks import refuse
from mimo.types import Role, TokenLogprob, Usage

ROLES: Mapping[str, Role] = MappingProxyType(
    {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
)
"""Roles on the wire → ours."""
LOWEST = -9999.0
"""What OpenAI writes where JSON has no number: the logarithm of zero."""


@dataclass(frozen=True, slots=True)
class Arguments(Shape[Mapping[str, object] | str]):
    """The arguments of a call: a string, of which an object is made where it holds one that can be written again.

    Any other string is kept as it is: models write calls that are no JSON, and a history with one must go on.
    """

    def read(self, value: object, path: str, reading: Reading) -> Mapping[str, object] | str:
        if not isinstance(value, str):
            refuse(path, "a string, as the model wrote it", value)
        try:
            fields = msgspec.json.decode(value or "{}")
            json.dumps(fields)
        except (ValueError, RecursionError, msgspec.MsgspecError):
            return value
        return fields if isinstance(fields, dict) else value

    def schema(self) -> Schema:
        return {"type": "string", "contentMediaType": "application/json"}


def wire_logprobs(given: Iterable[TokenLogprob], piece: Callable[[int], bytes]) -> list[dict[str, object]]:
    """For each token its text, its bytes, and the likeliest ones at its position. `piece(token)` gives the bytes."""

    def wire(token: int, logprob: float) -> dict[str, object]:
        data = piece(token)
        return {"token": data.decode(errors="replace"), "logprob": max(logprob, LOWEST), "bytes": list(data)}

    return [
        {**wire(one.token, one.logprob), "top_logprobs": [wire(token, logprob) for token, logprob in one.top]}
        for one in given
    ]


def usage(counted: Usage) -> dict[str, object]:
    """The `usage` object; both details are always there, and of a prompt with media how many of its tokens they are."""
    media = {f"{kind}_tokens": count for kind, count in counted.media_tokens}
    return {
        "prompt_tokens": counted.prompt_tokens,
        "completion_tokens": counted.completion_tokens,
        "total_tokens": counted.prompt_tokens + counted.completion_tokens,
        "completion_tokens_details": {"reasoning_tokens": counted.reasoning_tokens},
        "prompt_tokens_details": {"cached_tokens": counted.cached_tokens, **media},
    }
