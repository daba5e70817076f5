"""The parameters of the contract, one row each. Every default, bound and word about one stands here and nowhere else.

The rows feed validation, `GET /v1/models`, the OpenAPI document, the command line and the documentation. A value is
applied exactly or refused with 400; never clamped, never dropped. `rows.py` says what a row is; a model's row holds the
table that it keeps (`Model.table`).
"""

from __future__ import annotations

from mimo.contract import tools
from mimo.contract.rows import (
    OfModel,
    boolean,
    integer,
    members,
    number,
    object_shape,
    one_of,
    shaped,
    texts,
    token_numbers,
    unused,
)
from mimo.contract.table import ParameterTable

_LARGEST = OfModel("max_completion_tokens", "the model's longest output")
_SEED = 2**63 - 1
_TEXT = {"type": "string"}
_FUNCTION = {"const": "function"}
_NAME = {"type": "string", "pattern": f"^{tools.OPENAI.name}$"}

_ROWS = (
    number(
        "temperature", 0, 2, default=1.0, field="sampling.temperature", everywhere=True, flag=True,
        description="Divides the logits before sampling: below 1 sharpens the distribution, above 1 flattens it.",
        tip="0 always takes the likeliest token. 0.3 suits agents, 0.8 writing and maths. Change this or top_p.",
    ),
    number(
        "top_p", 0, 1, default=0.95, field="sampling.top_p", everywhere=True, flag=True,
        description="Keeps the likeliest tokens whose probabilities together reach this share; the rest cannot occur.",
        tip="0.95 drops the unlikely tail. 1 keeps every token, 0 only the best one.",
    ),
    integer(
        "max_completion_tokens", 1, _LARGEST, default=1024, field="max_completion_tokens", flag=True,
        recommended=(OfModel("recommended_minimum", "the model's own"), _LARGEST),
        description="The most tokens sampled for one choice: reasoning, markup and visible text share this one budget.",
        tip="With thinking on leave room for the answer: reasoning is paid from the same budget. "
            "Below 1024 is allowed, only not recommended.",
    ),
    number(
        "frequency_penalty", -2, 2, default=0.0, field="sampling.frequency_penalty", everywhere=True, flag=True,
        description="Subtracted from a token's logit for every time it was sampled so far; the prompt never counts.",
        tip="0.2 to 0.5 damps repeated words; negative values invite repetition.",
    ),
    number(
        "presence_penalty", -2, 2, default=0.0, field="sampling.presence_penalty", everywhere=True, flag=True,
        description="Subtracted from a token's logit if it was sampled at all so far; the prompt never counts.",
        tip="Positive values push towards new words and topics.",
    ),
    boolean(
        "stream", default=False, field="stream", everywhere=True,
        description="Send the answer as server-sent events while it is generated.",
        tip="A stream joined together is the non-streamed answer, for the same seed.",
    ),
    texts(
        "stop", 4, absent=(), field="stop", flag=True,
        description="Ends the answer before the first of these texts; looked for in visible content only.",
        tip="Never matches inside reasoning or a tool call; the match itself is never sent.",
    ),
    integer(
        "max_tokens", 1, _LARGEST, alias_of="max_completion_tokens", status="reference",
        recommended=(OfModel("recommended_minimum", "the model's own"), _LARGEST),
        description="Older name of max_completion_tokens, which wins when both are given.",
        tip="Use max_completion_tokens.",
    ),
    members(
        "stream_options", boolean("include_usage"), boolean("continuous_usage_stats"),
        unused("include_obfuscation", "boolean"), status="client",
        description="With include_usage a stream ends in one extra chunk that holds the token counts, with "
                    "continuous_usage_stats every chunk holds those so far. Nothing is padded, whatever "
                    "include_obfuscation says.",
        tip="Only together with stream: true.",
    ),
    members(
        "thinking",
        one_of("type", "enabled", "adaptive", "disabled", required=True), integer("budget_tokens", 0, _SEED),
        default=OfModel("thinking", "per model", lambda on: {"type": "enabled" if on else "disabled"}),
        status="reference", everywhere=True,
        description="Whether the model reasons before it answers, and for how many tokens at most. "
                    "adaptive means enabled.",
        tip="With budget_tokens below max_completion_tokens an answer always follows.",
    ),
    one_of(
        "reasoning_effort", "none", "minimal", "low", "medium", "high", "xhigh", "max", status="reference",
        description="none turns thinking off, every other effort turns it on.",
        tip="Contradicting `thinking` is an error.",
    ),
    members(
        "chat_template_kwargs", boolean("enable_thinking"), status="client",
        description="The name under which vLLM and SGLang clients send the thinking switch.",
        tip="Prefer `thinking`.",
    ),
    integer(
        "seed", 0, _SEED, default="random", field="sampling.seed", status="addition", everywhere=True, flag=True,
        description="Keys every random draw: the same request with the same seed gives the same tokens.",
        tip="When absent one is drawn and returned in the x-mimo-parameters header.",
    ),
    integer(
        "n", 1, 8, default=1, field="n", status="addition",
        description="How many choices to sample for the same prompt.",
        tip="The prompt is computed once; every choice has its own budget and its own draws.",
    ),
    boolean(
        "logprobs", default=False, status="addition",
        description="Return the log-probability of every sampled token, before any parameter is applied.",
        tip="Raw log-softmax of the model's logits, the same on every engine.",
    ),
    integer(
        "top_logprobs", 0, 20, default=0, status="addition",
        description="How many of the likeliest tokens to return at each position besides the sampled one.",
        tip="Needs logprobs: true.",
    ),
    token_numbers(
        "logit_bias", -100, 100, absent=(), field="sampling.logit_bias", status="addition", everywhere=True,
        description="Added to the logits of these tokens before everything else.",
        tip="Token ids come from POST /v1/tokenize.",
    ),
    boolean(
        "ignore_eos", default=False, field="ignore_eos", status="addition", everywhere=True,
        description="Go on to max_completion_tokens: no token that ends the turn can be sampled. "
                    "Stop texts still end the answer.",
        tip="For benchmarks, which want answers of one length.",
    ),
    integer(
        "min_tokens", 0, _LARGEST, default=0, field="min_tokens", status="addition", everywhere=True,
        description="No token that ends the turn can be sampled before this many others were. "
                    "Stop texts still end the answer.",
        tip="At most max_completion_tokens. Not together with response_format or a call that must fit its schema.",
    ),
    shaped(
        "tools", f"array of at most {tools.OPENAI.most} function tools", tools.tools,
        {"type": "array", "maxItems": tools.OPENAI.most, "items": object_shape({
            "type": _FUNCTION, "function": object_shape({
                "name": _NAME, "description": _TEXT, "parameters": {"type": "object"}, "strict": {"type": "boolean"},
            }, ["name"]),
        }, ["type", "function"])},
        absent=(), field="tools", status="reference",
        description="Functions the model may call, each with a name, a description and a JSON Schema of its arguments. "
                    "strict: true holds the arguments to the schema while they are sampled.",
        tip="Describe what a function is for; the model chooses by it.",
    ),
    shaped(
        "tool_choice", 'auto, none, required, or object {"type": "function", "function": {"name": string}}',
        tools.tool_choice,
        {"anyOf": [{"enum": ["auto", "none", "required"]}, object_shape(
            {"type": _FUNCTION, "function": object_shape({"name": _TEXT}, ["name"])}, ["type", "function"],
        )]},
        default="auto", field="tool_choice", status="reference",
        description="Whether functions may be called, must be, or which one must be. required and a named function "
                    "hold the call and its arguments to the schema while they are sampled.",
        tip="none leaves the tools out of the prompt.",
    ),
    boolean(
        "parallel_tool_calls", default=True, field="parallel_tool_calls", status="reference",
        description="Whether one answer may hold several calls; false ends it after the first. "
                    "Without tools it changes nothing.",
        tip="Leave it on unless your tools must run one after the other.",
    ),
    shaped(
        "response_format", 'object {"type": "text", "json_object" or "json_schema", "json_schema": {"name", "schema"}}',
        tools.response_format,
        {"anyOf": [
            object_shape({"type": {"const": "text"}}, ["type"]),
            object_shape({"type": {"const": "json_object"}, "schema": {"type": "object"}}, ["type"]),
            object_shape({"type": {"const": "json_schema"}, "json_schema": object_shape(
                {"name": _NAME, "schema": {"type": "object"}, "description": _TEXT, "strict": {"type": "boolean"}},
                ["schema"],
            )}, ["type", "json_schema"]),
        ]},
        default="text", absent=None, field="json_format", status="reference",
        description="The form of the answer. json_object and json_schema hold it to JSON, or to JSON that fits the "
                    "schema, while it is sampled; reasoning stays free. json_object may have a schema too.",
        tip="Say in the prompt what the JSON should hold; a limit that is too small still cuts it off.",
    ),
    unused("user", "string", status="client", description="Accepted and unused."),
    unused("metadata", "object", status="client", description="Accepted and unused."),
    unused("store", "boolean", status="client", description="Accepted and unused: nothing is stored."),
)  # fmt: skip

PARAMETERS = ParameterTable(_ROWS)
