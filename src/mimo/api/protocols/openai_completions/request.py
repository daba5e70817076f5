"""The body of POST /v1/completions → prompts and `Params`: the parameters table without what needs a conversation.

    bytes → JSON object → model → parameters;  prompt: text | ids | several of either → ids

Knows the wire's field names; of an engine it knows the tokenizer only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from mimo.api.body import decode_object
from mimo.api.protocols.fields import Wishes, renamed, requested_model, told, unknown
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest, UnsupportedParameter, shown
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS
from mimo.contract.request import Params
from mimo.contract.resolve import resolve
from mimo.tokenizers.base import Tokenizer

NO_TEMPLATE = (
    "thinking", "reasoning_effort", "chat_template_kwargs", "tools", "tool_choice", "parallel_tool_calls",
    "response_format",
)  # fmt: skip
"""Parameters that mean nothing to a raw prompt, and are refused."""
ROWS = tuple(name for name in PARAMETERS if name not in (*NO_TEMPLATE, "logprobs", "top_logprobs"))
"""The rows of the parameters table that hold here as they are."""
BESIDE = ("model", "prompt", "logprobs", "echo", "suffix", "best_of")
MAX_PROMPTS = 32
"""Prompts of one request."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What to continue, and how: `n` choices for each prompt, in order."""

    model: Model
    params: Params
    prompts: tuple[tuple[int, ...], ...]
    ignored: tuple[str, ...] = ()

    def headers(self) -> list[tuple[str, str]]:
        """What was really used, and what was not, as response headers."""
        return told(self.params, self.ignored)


def decode(body: bytes, models: Mapping[str, Model], tokenizer: Tokenizer, wishes: Wishes) -> Completion:
    """Check and encode. Raises `InvalidRequest`, `NotFound` for the model."""
    fields = decode_object(body)
    model = requested_model(fields, models)
    _refuse_others(fields)
    ignored = unknown(fields, (*PARAMETERS, *BESIDE), wishes.strict)
    ours = {name: fields[name] for name in ROWS if name in fields}
    if (count := fields.get("logprobs")) is not None:
        if isinstance(count, bool) or not isinstance(count, int | float):
            refuse("logprobs", "an integer between 0 and 20: how many of the likeliest tokens to give", count)
        ours |= {"logprobs": True, "top_logprobs": count}
    with renamed({"top_logprobs": "logprobs"}):
        params = resolve({**ours, "thinking": {"type": "disabled"}}, model).params
    return Completion(model, params, _prompts(fields.get("prompt"), tokenizer), tuple(ignored))


def _refuse_others(fields: Mapping[str, object]) -> None:
    """What this route does not do: refused by name, unless it is said to be off."""
    for name in NO_TEMPLATE:
        if fields.get(name) is not None:
            words = f"{name} is not supported here: a raw prompt has no template; use /v1/chat/completions"
            raise UnsupportedParameter(words, param=name)
    if fields.get("top_logprobs") is not None:
        raise UnsupportedParameter("top_logprobs is not supported here: logprobs says how many", param="top_logprobs")
    if fields.get("echo") not in (None, False):
        _refuse_value("echo", "null or false: the prompt is not repeated", fields["echo"])
    if fields.get("suffix") not in (None, ""):
        _refuse_value("suffix", "null: text is continued, not filled in", fields["suffix"])
    best_of = fields.get("best_of")
    if best_of is not None and (isinstance(best_of, bool) or best_of != (fields.get("n") or 1)):
        _refuse_value("best_of", "null or equal to n: every choice is returned", best_of)


def _refuse_value(name: str, allowed: str, value: object) -> NoReturn:
    raise UnsupportedParameter(f"{name} must be {allowed}, got {shown(value)}", param=name)


def _prompts(value: object, tokenizer: Tokenizer) -> tuple[tuple[int, ...], ...]:
    if value is None:
        words = "prompt is required: a string, an array of strings, token ids, or an array of arrays of token ids"
        raise InvalidRequest(words, param="prompt")
    if isinstance(value, str) or (isinstance(value, list) and value and _is_id(value[0])):
        return (_prompt(value, "prompt", tokenizer),)
    if not isinstance(value, list) or not value:
        refuse("prompt", "a string, an array of strings, token ids, or an array of arrays of token ids", value)
    if len(value) > MAX_PROMPTS:
        raise InvalidRequest(f"prompt may hold at most {MAX_PROMPTS} prompts, got {len(value)}", param="prompt")
    return tuple(_prompt(item, f"prompt[{at}]", tokenizer) for at, item in enumerate(value))


def _prompt(value: object, path: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    if isinstance(value, str):
        ids = tuple(tokenizer.encode(value))
    elif isinstance(value, list):
        ids = tuple(_id(item, path, at, tokenizer.vocabulary) for at, item in enumerate(value))
    else:
        refuse(path, "a string or an array of token ids", value)
    if not ids:
        refuse(path, "at least one token", value)
    return ids


def _is_id(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _id(value: object, path: str, at: int, vocabulary: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        refuse(f"{path}[{at}]", "a token id, an integer", value)
    if not 0 <= value < vocabulary:
        refuse(f"{path}[{at}]", f"a token id below the vocabulary of {vocabulary}", value)
    return value
