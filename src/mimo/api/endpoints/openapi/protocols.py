"""The shapes of the protocols beside chat completions in the OpenAPI document, their parameters from the one table.

Which field is which row is said by each protocol's own `ROWS`; only what has another form there is written out here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mimo.api.endpoints.openapi.media import anthropic_parts, content, responses_parts, text_part
from mimo.api.protocols.anthropic_messages import request as anthropic_request
from mimo.api.protocols.openai_completions import request as completions_request
from mimo.api.protocols.openai_responses import request as responses_request
from mimo.contract.parameters import PARAMETERS, Parameter
from mimo.contract.tools import MAX_TOOLS, NAME

Schema = dict[str, object]
Describe = Callable[[Parameter], Schema]

_STRING: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_OBJECT: Schema = {"type": "object"}
_NAME: Schema = {"type": "string", "pattern": f"^{NAME}$"}


def protocol_schemas(model: Schema, describe: Describe) -> Schema:
    """Requests and answers by name; `describe` gives the schema of a row."""
    return {
        "CompletionRequest": _completion(model, describe),
        "MessagesRequest": _messages(model, describe),
        "CountRequest": _messages(model, describe, anthropic_request.COUNTED),
        "ResponsesRequest": _responses(model, describe),
        "Completion": _object({
            "id": _STRING, "object": {"const": "text_completion"}, "created": _COUNT, "model": _STRING,
            "system_fingerprint": _STRING, "choices": {"type": "array", "items": _OBJECT}, "usage": _OBJECT,
        }),
        "Message": _object({
            "id": _STRING, "type": {"const": "message"}, "role": {"const": "assistant"}, "model": _STRING,
            "content": {"type": "array", "items": _OBJECT}, "stop_reason": _STRING, "usage": _OBJECT,
        }),
        "TokenCount": _object({"input_tokens": _COUNT}),
        "Response": _object({
            "id": _STRING, "object": {"const": "response"}, "created_at": _COUNT, "model": _STRING,
            "status": {"enum": ["completed", "incomplete"]}, "output": {"type": "array", "items": _OBJECT},
            "usage": _OBJECT,
        }),
        "AnthropicError": _object({
            "type": {"const": "error"}, "error": _object({"type": _STRING, "message": _STRING}), "request_id": _STRING,
        }),
    }  # fmt: skip


def _completion(model: Schema, describe: Describe) -> Schema:
    ids: Schema = {"type": "array", "minItems": 1, "items": _COUNT}
    prompts: Schema = {
        "type": "array", "minItems": 1, "maxItems": completions_request.MAX_PROMPTS,
        "items": {"anyOf": [{"type": "string", "minLength": 1}, ids]},
    }  # fmt: skip
    logprobs: Schema = {
        "anyOf": [{"type": "integer", "minimum": 0, "maximum": 20}, {"type": "null"}], "default": None,
        "description": "How many of the likeliest tokens to return at each position, with log-probabilities.",
    }  # fmt: skip
    prompt: Schema = {"anyOf": [{"type": "string", "minLength": 1}, ids, prompts]}
    rows = {name: describe(PARAMETERS[name]) for name in completions_request.ROWS}
    return _object({"model": model, "prompt": prompt, **rows, "logprobs": logprobs}, ("model", "prompt"))


def _messages(model: Schema, describe: Describe, only: tuple[str, ...] = ()) -> Schema:
    text = content([text_part()])
    turns: list[Schema] = [
        _object({"role": {"const": "user"}, "content": content(anthropic_parts())}),
        _object({"role": {"const": "assistant"}, "content": text}),
    ]
    rows = {name: describe(PARAMETERS[row]) for name, row in anthropic_request.ROWS.items()}
    rows["stop_sequences"] = _as(rows["stop_sequences"], {
        "type": "array", "maxItems": 4, "items": {"type": "string", "minLength": 1},
    })  # fmt: skip
    rows["tools"] = _as(rows["tools"], {
        "type": "array", "maxItems": MAX_TOOLS,
        "items": _object({"name": _NAME, "description": _STRING, "input_schema": _OBJECT}, ("name", "input_schema")),
    })  # fmt: skip
    choice = {"type": {"enum": ["auto", "any", "none", "tool"]}, "name": _STRING}
    choice["disable_parallel_tool_use"] = {"type": "boolean"}
    rows["tool_choice"] = _as(rows["tool_choice"], _object(choice, ("type",)))
    whole = {
        "model": model,
        "messages": {"type": "array", "minItems": 1, "items": {"anyOf": turns}},
        "system": {"anyOf": [*_any_of(text), {"type": "null"}]},
        **rows,
    }
    kept = {name: schema for name, schema in whole.items() if not only or name in only}
    return _object(kept, ("model", "messages"))


def _responses(model: Schema, describe: Describe) -> Schema:
    others: Schema = {"enum": ["assistant", "system", "developer"]}
    turns: list[Schema] = [
        _typed("message", role={"const": "user"}, content=content(responses_parts())),
        _typed("message", role=others, content=content([text_part("input_text")])),
    ]
    items: Schema = {"type": "array", "minItems": 1, "items": {"anyOf": turns}}
    rows = {name: describe(PARAMETERS[row]) for name, row in responses_request.ROWS.items()}
    tool = {"type": {"const": "function"}, "name": _NAME, "description": _STRING, "parameters": _OBJECT}
    rows["tools"] = _as(rows["tools"], {
        "type": "array", "maxItems": MAX_TOOLS, "items": _object(tool, ("type", "name")),
    })  # fmt: skip
    named = _object({"type": {"const": "function"}, "name": _STRING})
    rows["tool_choice"] = _as(rows["tool_choice"], {"anyOf": [{"enum": ["auto", "none", "required"]}, named]})
    null: Schema = {"type": "null"}
    effort = describe(PARAMETERS["reasoning_effort"])
    return _object(
        {
            "model": model,
            "input": {"anyOf": [_STRING, items]},
            "instructions": {"anyOf": [_STRING, null]},
            **rows,
            "reasoning": {"anyOf": [_object({"effort": effort}, ()), null]},
            "text": {"anyOf": [_object({"format": _OBJECT}, ()), null]},
        },
        ("model", "input"),
    )


def _as(described: Schema, shape: Schema) -> Schema:
    """The same row in another form."""
    return {**described, "anyOf": [shape, {"type": "null"}], "default": None}


def _any_of(schema: Schema) -> list[object]:
    found = schema["anyOf"]
    assert isinstance(found, list)
    return found


def _typed(kind: str, **properties: object) -> Schema:
    return _object({"type": {"const": kind}, **properties})


def _object(properties: Mapping[str, object], required: tuple[str, ...] | None = None) -> Schema:
    needed = list(properties if required is None else required)
    return {"type": "object", "properties": dict(properties), "required": needed}
