"""The parameters of the contract, one row each (contract section 2), and `resolve()`: wire fields → `Params`.

The rows feed validation, `GET /v1/models`, the OpenAPI document, the CLI's flags and the documentation. A value is
applied exactly or refused with 400; never clamped, never dropped. No engine and no wire format is known here beyond
"a mapping of field names to decoded JSON values".
"""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Literal

from mimo.contract import checks, tools
from mimo.contract.checks import Check
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import Model
from mimo.types import JsonFormat, Tool, ToolChoice

Status = Literal["documented", "reference", "client", "addition"]


@dataclass(frozen=True, slots=True)
class Params:
    """What one request asks of sampling and output. Every field is concrete; units are tokens where counted."""

    temperature: float = 1.0
    top_p: float = 0.95
    max_completion_tokens: int = 1024
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    stream: bool = False
    stop: tuple[str, ...] = ()
    include_usage: bool = False
    thinking: bool = False
    thinking_budget: int | None = None
    seed: int = 0
    n: int = 1
    logprobs: bool = False
    top_logprobs: int = 0
    logit_bias: tuple[tuple[int, float], ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    json_format: JsonFormat | None = None
    seed_given: bool = False
    """Whether `seed` is the client's and not drawn by us: an engine without seeds refuses the one, not the other."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row: what a field may hold, what it means when absent, and how to say so to a person.

    `maximum` None with a numeric `type` means the model's own largest. `shape` is the JSON Schema where type and bounds
    do not say all. `check(value, name, model)` returns the concrete value or raises `InvalidRequest`; absent and null
    never reach it.
    """

    name: str
    type: str
    check: Check
    description: str
    tip: str
    default: object = None
    minimum: float | None = None
    maximum: float | None = None
    recommended: tuple[float, float] | None = None
    status: Status = "documented"
    shape: Mapping[str, object] | None = None

    def schema(self) -> dict[str, object]:
        """JSON Schema of a given value; null means absent everywhere and is not part of it."""
        if self.shape is not None:
            return dict(self.shape)
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        return {"type": self.type, **{name: bound for name, bound in bounds.items() if bound is not None}}


def _closed(*required: str, **properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_ROWS = (
    Parameter(
        "temperature", "number", checks.number(0, 2), minimum=0, maximum=2, default=1.0,
        description="Divides the logits before sampling: below 1 sharpens the distribution, above 1 flattens it.",
        tip="0 always takes the likeliest token. 0.3 suits agents, 0.8 writing and maths. Change this or top_p.",
    ),
    Parameter(
        "top_p", "number", checks.number(0, 1), minimum=0, maximum=1, default=0.95,
        description="Keeps the likeliest tokens whose probabilities together reach this share; the rest cannot occur.",
        tip="0.95 drops the unlikely tail. 1 keeps every token, 0 only the best one.",
    ),
    Parameter(
        "max_completion_tokens", "integer", checks.completion_limit, minimum=1, default=1024,
        description="The most tokens sampled for one choice: reasoning, markup and visible text share this one budget.",
        tip="With thinking on leave room for the answer: reasoning is paid from the same budget. "
            "Below 1024 is allowed, only not recommended.",
    ),
    Parameter(
        "frequency_penalty", "number", checks.number(-2, 2), minimum=-2, maximum=2, default=0.0,
        description="Subtracted from a token's logit for every time it was sampled so far; the prompt never counts.",
        tip="0.2 to 0.5 damps repeated words; negative values invite repetition.",
    ),
    Parameter(
        "presence_penalty", "number", checks.number(-2, 2), minimum=-2, maximum=2, default=0.0,
        description="Subtracted from a token's logit if it was sampled at all so far; the prompt never counts.",
        tip="Positive values push towards new words and topics.",
    ),
    Parameter(
        "stream", "boolean", checks.boolean, default=False,
        description="Send the answer as server-sent events while it is generated.",
        tip="A stream joined together is the non-streamed answer, for the same seed.",
    ),
    Parameter(
        "stop", "null, string, or array of 1 to 4 non-empty strings", checks.stop, default=None,
        description="Ends the answer before the first of these texts; looked for in visible content only.",
        tip="Never matches inside reasoning or a tool call; the match itself is never sent.",
        shape={"anyOf": [{"type": "string", "minLength": 1},
                         {"type": "array", "maxItems": 4, "items": {"type": "string", "minLength": 1}}]},
    ),
    Parameter(
        "max_tokens", "integer", checks.completion_limit, minimum=1, default=None, status="reference",
        description="Older name of max_completion_tokens, which wins when both are given.",
        tip="Use max_completion_tokens.",
    ),
    Parameter(
        "stream_options", 'object {"include_usage": boolean}', checks.stream_options, default=None, status="client",
        description="With include_usage a stream ends in one extra chunk that holds the token counts.",
        tip="Only together with stream: true.",
        shape=_closed(include_usage={"type": "boolean"}),
    ),
    Parameter(
        "thinking", 'object {"type": "enabled" or "disabled", "budget_tokens": integer of at least 0, optional}',
        checks.thinking, default="per model", status="reference",
        description="Whether the model reasons before it answers, and for how many tokens at most.",
        tip="With budget_tokens below max_completion_tokens an answer always follows.",
        shape=_closed(
            "type", type={"enum": ["enabled", "disabled"]}, budget_tokens={"type": "integer", "minimum": 0},
        ),
    ),
    Parameter(
        "reasoning_effort", "string: none, low, medium or high", checks.one_of("none", "low", "medium", "high"),
        default=None, status="reference",
        description="low, medium and high turn thinking on, none turns it off.",
        tip="Contradicting `thinking` is an error.",
        shape={"enum": ["none", "low", "medium", "high"]},
    ),
    Parameter(
        "chat_template_kwargs", 'object {"enable_thinking": boolean}', checks.chat_template_kwargs, default=None,
        status="client",
        description="The name under which vLLM and SGLang clients send the thinking switch.",
        tip="Prefer `thinking`.",
        shape=_closed(enable_thinking={"type": "boolean"}),
    ),
    Parameter(
        "seed", "integer", checks.integer(0, 2**63 - 1), minimum=0, maximum=2**63 - 1, default="random",
        status="addition",
        description="Keys every random draw: the same request with the same seed gives the same tokens.",
        tip="When absent one is drawn and returned in the x-mimo-parameters header.",
    ),
    Parameter(
        "n", "integer", checks.integer(1, 8), minimum=1, maximum=8, default=1, status="addition",
        description="How many choices to sample for the same prompt.",
        tip="The prompt is computed once; every choice has its own budget and its own draws.",
    ),
    Parameter(
        "logprobs", "boolean", checks.boolean, default=False, status="addition",
        description="Return the log-probability of every sampled token, before any parameter is applied.",
        tip="Raw log-softmax of the model's logits, the same on every engine.",
    ),
    Parameter(
        "top_logprobs", "integer", checks.integer(0, 20), minimum=0, maximum=20, default=0, status="addition",
        description="How many of the likeliest tokens to return at each position beside the sampled one.",
        tip="Needs logprobs: true.",
    ),
    Parameter(
        "logit_bias", "object: token id to number from -100 to 100", checks.logit_bias, default=None, status="addition",
        description="Added to the logits of these tokens before everything else.",
        tip="Token ids come from POST /v1/tokenize.",
        shape={"type": "object", "propertyNames": {"pattern": "^[0-9]{1,10}$"},
               "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100}},
    ),
    Parameter(
        "tools", "array of at most 128 function tools", tools.tools, default=None, status="reference",
        description="Functions the model may call, each with a name, a description and a JSON Schema of its arguments. "
                    "strict: true holds the arguments to the schema while they are sampled.",
        tip="Describe what a function is for; the model chooses by it.",
        shape={"type": "array", "maxItems": tools.MAX_TOOLS, "items": _closed(
            "type", "function", type={"const": "function"}, function=_closed(
                "name", name={"type": "string", "pattern": f"^{tools.NAME}$"}, description={"type": "string"},
                parameters={"type": "object"}, strict={"type": "boolean"},
            ),
        )},
    ),
    Parameter(
        "tool_choice", 'auto, none, required, or object {"type": "function", "function": {"name": string}}',
        tools.tool_choice, default="auto", status="reference",
        description="Whether functions may be called, must be, or which one must be. required and a named function "
                    "hold the call and its arguments to the schema while they are sampled.",
        tip="none leaves the tools out of the prompt.",
        shape={"anyOf": [{"enum": ["auto", "none", "required"]}, _closed(
            "type", "function", type={"const": "function"}, function=_closed("name", name={"type": "string"}),
        )]},
    ),
    Parameter(
        "parallel_tool_calls", "boolean", checks.boolean, default=True, status="reference",
        description="Whether one answer may hold several calls; false ends it after the first. "
                    "Without tools it changes nothing.",
        tip="Leave it on unless your tools must run one after the other.",
    ),
    Parameter(
        "response_format", 'object {"type": "text", "json_object" or "json_schema", "json_schema": {"name", "schema"}}',
        tools.response_format, default="text", status="reference",
        description="The form of the answer. json_object and json_schema hold it to JSON, or to JSON that fits the "
                    "schema, while it is sampled; reasoning stays free.",
        tip="Say in the prompt what the JSON should hold; a limit that is too small still cuts it off.",
        shape={"anyOf": [
            _closed("type", type={"enum": ["text", "json_object"]}),
            _closed("type", "json_schema", type={"const": "json_schema"}, json_schema=_closed(
                "schema", name={"type": "string", "pattern": f"^{tools.NAME}$"}, schema={"type": "object"},
                description={"type": "string"}, strict={"type": "boolean"},
            )),
        ]},
    ),
    Parameter(
        "user", "string", checks.accepted, default=None, status="client",
        description="Accepted and unused.", tip="",
    ),
    Parameter(
        "metadata", "object", checks.accepted, default=None, status="client",
        description="Accepted and unused.", tip="",
    ),
    Parameter(
        "store", "boolean", checks.accepted, default=None, status="client",
        description="Accepted and unused: nothing is stored.", tip="",
    ),
)  # fmt: skip

PARAMETERS: Mapping[str, Parameter] = MappingProxyType({row.name: row for row in _ROWS})


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
    params = Params(
        temperature=value("temperature"),  # type: ignore[arg-type]  # the row's check made it concrete
        top_p=value("top_p"),  # type: ignore[arg-type]
        max_completion_tokens=given.get("max_completion_tokens", given.get("max_tokens", 1024)),  # type: ignore[arg-type]
        frequency_penalty=value("frequency_penalty"),  # type: ignore[arg-type]
        presence_penalty=value("presence_penalty"),  # type: ignore[arg-type]
        stream=bool(value("stream")),
        stop=given.get("stop", ()),  # type: ignore[arg-type]
        include_usage=bool(given.get("stream_options", False)),
        thinking=thinking,
        thinking_budget=budget,
        seed=given["seed"] if "seed" in given else draw_seed(),  # type: ignore[arg-type]
        seed_given="seed" in given,
        n=value("n"),  # type: ignore[arg-type]
        logprobs=bool(value("logprobs")),
        top_logprobs=value("top_logprobs"),  # type: ignore[arg-type]
        logit_bias=given.get("logit_bias", ()),  # type: ignore[arg-type]
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
        "temperature": params.temperature,
        "top_p": params.top_p,
        "max_completion_tokens": params.max_completion_tokens,
        "frequency_penalty": params.frequency_penalty,
        "presence_penalty": params.presence_penalty,
        "seed": params.seed,
        "thinking": "enabled" if params.thinking else "disabled",
    }
    if params.thinking_budget is not None:
        pairs["thinking_budget_tokens"] = params.thinking_budget
    return "; ".join(f"{name}={value}" for name, value in pairs.items())
