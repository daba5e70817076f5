"""`resolve()`: the wire fields of a request → `Params`, each by its row and all by the rules between them.

Knows no engine and no wire format beyond "a mapping of field names to decoded JSON values".
"""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import islice

from mimo.contract import tools
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import Model
from mimo.contract.parameters import PARAMETERS
from mimo.contract.request import Params
from mimo.types import Sampling


@dataclass(frozen=True, slots=True)
class Resolved:
    """`params`, and the names of the fields that nobody knows, each with the nearest known name if one is near."""

    params: Params
    ignored: tuple[str, ...] = ()


def resolve(
    fields: Mapping[str, object],
    model: Model,
    *,
    beside: Collection[str] = ("model", "messages"),
    strict: bool = False,
    draw_seed: Callable[[], int] = lambda: secrets.randbits(63),
) -> Resolved:
    """Check the wire `fields` of a request against the rows and fill in every default.

    1. every given field against its own row; absent and null mean the default
    2. the rules between fields: limit alias, stream options, logprobs, tools, the three names of the thinking switch
    3. unknown fields are reported with the nearest known name, or refused when `strict`

    `beside`: known fields that are not parameters. `draw_seed` is called only when no seed was given.
    Raises `InvalidRequest` (or a finer one) naming the field, what is allowed and what came.
    """
    given = {
        name: row.check(fields[name], name, model) for name, row in PARAMETERS.items() if fields.get(name) is not None
    }

    def value(name: str) -> object:
        return given.get(name, PARAMETERS[name].default)

    if "stream_options" in given and not value("stream"):
        raise InvalidRequest("stream_options is allowed only together with stream: true", param="stream_options")
    if given.get("top_logprobs") and not value("logprobs"):
        raise InvalidRequest("top_logprobs needs logprobs: true", param="top_logprobs")
    tools.settle(given.get("tools", ()), value("tool_choice"))  # type: ignore[arg-type]
    thinking, budget = _thinking(given, model)
    sampling = Sampling(
        temperature=value("temperature"),  # type: ignore[arg-type]  # the row's check made it concrete
        top_p=value("top_p"),  # type: ignore[arg-type]
        frequency_penalty=value("frequency_penalty"),  # type: ignore[arg-type]
        presence_penalty=value("presence_penalty"),  # type: ignore[arg-type]
        seed=given["seed"] if "seed" in given else draw_seed(),  # type: ignore[arg-type]
        logit_bias=given.get("logit_bias", ()),  # type: ignore[arg-type]
        logprobs=value("top_logprobs") if value("logprobs") else None,  # type: ignore[arg-type]
    )
    params = Params(
        sampling=sampling,
        max_completion_tokens=given.get("max_completion_tokens", given.get("max_tokens", 1024)),  # type: ignore[arg-type]
        stream=bool(value("stream")),
        stop=given.get("stop", ()),  # type: ignore[arg-type]
        include_usage=bool(given.get("stream_options", False)),
        thinking=thinking,
        thinking_budget=budget,
        seed_given="seed" in given,
        n=value("n"),  # type: ignore[arg-type]
        tools=given.get("tools", ()),  # type: ignore[arg-type]
        tool_choice=value("tool_choice") if given.get("tools") else "auto",  # type: ignore[arg-type]
        parallel_tool_calls=bool(value("parallel_tool_calls")) or not given.get("tools"),
        json_format=given.get("response_format"),  # type: ignore[arg-type]
    )
    return Resolved(params, _unknown(fields, beside, strict))


def _thinking(given: Mapping[str, object], model: Model) -> tuple[bool, int | None]:
    """One switch from its three names, refusing a contradiction; and the budget."""
    wish: tuple[bool, int | None] = given.get("thinking", (model.thinking, None))  # type: ignore[assignment]
    said: dict[str, bool] = {}
    if "thinking" in given:
        said["thinking"] = wish[0]
    if "reasoning_effort" in given:
        said["reasoning_effort"] = given["reasoning_effort"] != "none"
    if given.get("chat_template_kwargs") is not None:
        said["chat_template_kwargs"] = bool(given["chat_template_kwargs"])
    if len(set(said.values())) > 1:
        words = ", ".join(f"{name} turns it {'on' if on else 'off'}" for name, on in said.items())
        raise InvalidRequest(f"thinking is contradictory: {words}; send one of them", param=list(said)[-1])
    on = next(iter(said.values()), model.thinking)
    return on, wish[1] if on else None


def _unknown(fields: Mapping[str, object], beside: Collection[str], strict: bool) -> tuple[str, ...]:
    known = [*PARAMETERS, *beside]
    reports: list[str] = []
    for name in fields:
        if name in PARAMETERS or name in beside:
            continue
        near = difflib.get_close_matches(name[:64], known, n=1, cutoff=0.75) if len(reports) < 20 else []
        reports.append(f"{name[:64]}; did you mean {near[0]}?" if near else name[:64])
        if strict:
            raise InvalidRequest(f"unknown field {reports[0]!r}", param=name[:64])
    for path in islice(tools.unknown_fields(fields.get("tools")), 20):
        reports.append(path)
        if strict:
            raise InvalidRequest(f"unknown field {path!r}", param=path)
    return tuple(reports)


def describe(params: Params) -> str:
    """What was really used, as the `x-mimo-parameters` header says it."""
    pairs = {
        "temperature": params.sampling.temperature,
        "top_p": params.sampling.top_p,
        "max_completion_tokens": params.max_completion_tokens,
        "frequency_penalty": params.sampling.frequency_penalty,
        "presence_penalty": params.sampling.presence_penalty,
        "seed": params.sampling.seed,
        "thinking": "enabled" if params.thinking else "disabled",
    }
    if params.thinking_budget is not None:
        pairs["thinking_budget_tokens"] = params.thinking_budget
    return "; ".join(f"{name}={value}" for name, value in pairs.items())
