"""The body of POST /v1/completions → a `TextRequest`: the parameters table without what needs a conversation.

    bytes → JSON object → model → parameters;  prompt: text | ids | several of either

Knows the wire's field names; knows no engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from msgspec.structs import replace

from mimo.api.body import decode_object
from mimo.api.policy import Policy
from mimo.api.protocols.fields import Decoded, requested_model, wire_names
from mimo.contract.checks import boolean, integer, refuse
from mimo.contract.errors import InvalidRequest, UnsupportedParameter, shown
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS
from mimo.contract.resolve import resolve
from mimo.contract.unknown import unknown_members
from mimo.generate.request import TextRequest

NO_TEMPLATE = (
    "thinking", "reasoning_effort", "chat_template_kwargs", "tools", "tool_choice", "parallel_tool_calls",
    "response_format",
)  # fmt: skip
"""Parameters that mean nothing to a raw prompt, and are refused."""
FIELDS: Mapping[str, str] = {
    **{name: name for name in PARAMETERS if name not in (*NO_TEMPLATE, "logprobs", "top_logprobs")},
    "logprobs": "top_logprobs",
}
"""The client's fields by the row of the parameters table that each one is; `logprobs` is a count here."""
WIRE_NAMES: Mapping[str, str] = {"top_logprobs": "logprobs", "messages": "prompt"}
"""Paths of ours by this API's names."""
OTHER_FIELDS = ("model", "prompt", "logprobs", "echo", "prompt_logprobs", "suffix", "best_of")
KNOWN: Mapping[str, object] = {**PARAMETERS.shapes, **{name: {} for name in OTHER_FIELDS}}
MAX_PROMPTS = 32
"""Prompts of one request."""


def decode(body: bytes, models: Mapping[str, Model], policy: Policy) -> Decoded[TextRequest]:
    """Check everything that can be checked without an engine. Raises `InvalidRequest`, `NotFound` for the model."""
    fields = decode_object(body)
    model = requested_model(fields, models)
    _refuse_others(fields)
    ignored = unknown_members(fields, KNOWN, strict=policy.strict)
    given = {row: fields[name] for name, row in FIELDS.items() if fields.get(name) is not None}
    if (count := given.get("top_logprobs")) is not None:
        if isinstance(count, bool) or not isinstance(count, int | float):
            row = model.parameters["top_logprobs"]
            words = f"an integer between {row.minimum} and {row.maximum}: how many of the likeliest tokens to give"
            refuse("logprobs", words, count)
        given["logprobs"] = True
    echo = boolean(fields["echo"], "echo") if fields.get("echo") is not None else False
    nothing = echo and _set_to_nothing(given)
    with wire_names(WIRE_NAMES):
        params = resolve({**given, "thinking": {"type": "disabled"}}, model).params
    if nothing:
        params = replace(params, max_completion_tokens=0)
    of_prompt = fields.get("prompt_logprobs")
    if of_prompt is not None:
        of_prompt = integer(of_prompt, "prompt_logprobs", 0, _most_logprobs(model))
    prompts = _prompts(fields.get("prompt"))
    return Decoded(TextRequest(model, params, prompts, echo, of_prompt), tuple(ignored))


def _set_to_nothing(given: dict[str, object]) -> bool:
    """Whether no token at all is wanted, as only a prompt that comes back allows; `given` asks for one then."""
    name = "max_completion_tokens" if "max_completion_tokens" in given else "max_tokens"
    value = given.get(name)
    if value != 0 or isinstance(value, bool) or not isinstance(value, int):
        return False
    given[name] = 1
    return True


def _most_logprobs(model: Model) -> int:
    most = model.parameters["top_logprobs"].maximum
    assert isinstance(most, int)
    return most


def _refuse_others(fields: Mapping[str, object]) -> None:
    """What this route does not do: refused by name, unless it is said to be off."""
    for name in NO_TEMPLATE:
        if fields.get(name) is not None:
            words = f"{name} is not supported here: a raw prompt has no template; use /v1/chat/completions"
            raise UnsupportedParameter(words, param=name)
    if fields.get("top_logprobs") is not None:
        raise UnsupportedParameter("top_logprobs is not supported here: logprobs says how many", param="top_logprobs")
    if fields.get("suffix") not in (None, ""):
        _refuse_value("suffix", "null: text is continued, not filled in", fields["suffix"])
    best_of = fields.get("best_of")
    if best_of is not None and (isinstance(best_of, bool) or best_of != (fields.get("n") or 1)):
        _refuse_value("best_of", "null or equal to n: every choice is returned", best_of)


def _refuse_value(name: str, allowed: str, value: object) -> NoReturn:
    raise UnsupportedParameter(f"{name} must be {allowed}, got {shown(value)}", param=name)


def _prompts(value: object) -> dict[str, str | tuple[int, ...]]:
    """The prompts, each under its path."""
    if value is None:
        words = "prompt is required: a string, an array of strings, token ids, or an array of arrays of token ids"
        raise InvalidRequest(words, param="prompt")
    if isinstance(value, str) or (isinstance(value, list) and value and _is_id(value[0])):
        return {"prompt": _prompt(value, "prompt")}
    if not isinstance(value, list) or not value:
        refuse("prompt", "a string, an array of strings, token ids, or an array of arrays of token ids", value)
    if len(value) > MAX_PROMPTS:
        raise InvalidRequest(f"prompt may hold at most {MAX_PROMPTS} prompts, got {len(value)}", param="prompt")
    return {(path := f"prompt[{at}]"): _prompt(item, path) for at, item in enumerate(value)}


def _prompt(value: object, path: str) -> str | tuple[int, ...]:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        refuse(path, "a string or an array of token ids", value)
    for at, item in enumerate(value):
        if isinstance(item, bool) or not isinstance(item, int):
            refuse(f"{path}[{at}]", "a token id, an integer", item)
    return tuple(value)


def _is_id(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
