"""`resolve()`: the wire fields of a request → `Params`, each by its row and all by the rules between them.

Knows no engine and no wire format beyond "a mapping of field names to decoded JSON values".
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from mimo.contract import tools
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import Model
from mimo.contract.request import Params
from mimo.contract.rows import Parameter
from mimo.contract.unknown import unknown_members
from mimo.types import Sampling


class Resolved(Struct, frozen=True):
    """`params`, and a report for each member that nobody knows, at any depth (`unknown.py`)."""

    params: Params
    ignored: tuple[str, ...] = ()


def resolve(
    fields: Mapping[str, object],
    model: Model,
    *,
    other_fields: Collection[str] = ("model", "messages"),
    strict: bool = False,
    rows: Mapping[str, Parameter] = MappingProxyType({}),
    draw_seed: Callable[[], int] = lambda: secrets.randbits(63),
) -> Resolved:
    """Check the wire `fields` of a request against the model's rows and fill in every default.

    1. every given field against its own row; absent and null mean the default, other names are resolved
    2. the rules between fields
    3. unknown members are reported with the nearest known name, or refused when `strict`

    `other_fields`: known fields that are not parameters. `rows`: of the protocol's own, which check in place of those
    of the table with their names. `draw_seed` is called only when no seed was given.
    Raises `InvalidRequest` (or a finer one) naming the field, what is allowed and what came.
    """
    table = model.parameters
    given = {
        name: rows.get(name, table[name]).check(value, name)
        for name, value in fields.items()
        if value is not None and name in table
    }
    for name in [name for name in given if table[name].alias_of]:
        given.setdefault(table[name].alias_of, given[name])
    values: dict[str, dict[str, Any]] = {owner: dict(defaults) for owner, defaults in table.defaults.items()}
    for name in given.keys() & table.places.keys():
        owner, field = table.places[name]
        values[owner][field] = given[name]
    if "seed" not in given:
        values["sampling"]["seed"] = draw_seed()
    full = {**table.absent, **given}
    values["sampling"]["logprobs"] = _logprobs(full)
    params = Params(Sampling(**values["sampling"]), **values[""] | _ruled(given, full, model))
    _check_end(params)
    known = {**table.shapes, **{name: {} for name in other_fields}}
    left_out = [path for tool in params.tools for path in tool.left_out]
    if strict and left_out:
        words = f"{left_out[0]} cannot be followed in a schema that constrains the output"
        raise InvalidRequest(words, param=left_out[0])
    return Resolved(params, (*unknown_members(fields, known, strict=strict), *left_out))


def _logprobs(full: Mapping[str, Any]) -> int | None:
    top: int = full["top_logprobs"]
    if full["logprobs"]:
        return top
    if top:
        raise InvalidRequest("top_logprobs needs logprobs: true", param="top_logprobs")
    return None


def _ruled(given: Mapping[str, Any], full: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """The fields of `Params` that more than one row decides: by what was `given`, and the `full` values with it. Raises
    for fields that contradict each other."""
    if "stream_options" in given and not full["stream"]:
        raise InvalidRequest("stream_options is allowed only together with stream: true", param="stream_options")
    offered = tools.check_tool_rules(full["tools"], full["tool_choice"])
    options = given.get("stream_options", {})
    said, budget = _thinking(given)
    return {
        "include_usage": options.get("include_usage", False),
        "continuous_usage": options.get("continuous_usage_stats", False),
        "seed_given": "seed" in given,
        "thinking": model.thinking if said is None else said,
        "thinking_given": said is not None,
        "thinking_budget": budget,
        "tools": offered,
        "tool_choice": full["tool_choice"] if offered else model.parameters["tool_choice"].without,
        "parallel_tool_calls": full["parallel_tool_calls"] or not offered,
    }


def _check_end(params: Params) -> None:
    """Raise where the turn would have to go on and to end: past the limit, or where a grammar is complete."""
    if params.min_tokens > params.max_completion_tokens:
        words = f"min_tokens must be at most max_completion_tokens, {params.max_completion_tokens}"
        raise InvalidRequest(f"{words}, got {params.min_tokens}", param="min_tokens")
    name = "ignore_eos" if params.ignore_eos else "min_tokens" if params.min_tokens else ""
    strict = any(tool.enforced for tool in params.tools)
    if name and (params.json_format is not None or strict):
        other = (
            "response_format"
            if params.json_format is not None
            else "tool_choice"
            if (params.tool_choice != "auto")
            else "strict tools"
        )
        words = f"{name} cannot be kept together with {other}: the answer ends where it is complete; leave one out"
        raise InvalidRequest(words, param=name)


def _thinking(given: Mapping[str, Any]) -> tuple[bool | None, int | None]:
    """One switch from its three names, refusing a contradiction, None where none is given; and the budget."""
    switch = given.get("thinking", {})
    said: dict[str, bool] = {}
    if switch:
        said["thinking"] = switch["type"] != "disabled"
    if "reasoning_effort" in given:
        said["reasoning_effort"] = given["reasoning_effort"] != "none"
    if "enable_thinking" in given.get("chat_template_kwargs", {}):
        said["chat_template_kwargs"] = given["chat_template_kwargs"]["enable_thinking"]
    if len(set(said.values())) > 1:
        words = ", ".join(f"{name} turns it {'on' if on else 'off'}" for name, on in said.items())
        raise InvalidRequest(f"thinking is contradictory: {words}; send one of them", param=list(said)[-1])
    on = next(iter(said.values()), None)
    return on, switch.get("budget_tokens") if on else None
