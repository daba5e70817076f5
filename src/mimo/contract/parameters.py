"""The parameters of the contract, one row each (contract section 2).

The rows feed validation, `GET /v1/models`, the OpenAPI document, the CLI's flags and the documentation. A value is
applied exactly or refused with 400; never clamped, never dropped. No engine and no wire format is known here beyond
"a mapping of field names to decoded JSON values".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from mimo.contract import checks, tools
from mimo.contract.checks import Check

Status = Literal["documented", "reference", "client", "addition"]


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
