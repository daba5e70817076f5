"""What a response object repeats of its request: three tables and what needs a look at the request's tools.

A parameter's value is read where its row of the parameters table puts it. Knows no output.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from mimo.api.protocols.openai_responses.request import FIELDS, ResponsesRequest
from mimo.contract.parameters import PARAMETERS

_PARAMETERS = {
    name: attrgetter(PARAMETERS[FIELDS[name]].field)
    for name in (
        "max_output_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty", "parallel_tool_calls",
    )
}  # fmt: skip
"""The parameters in force, by this API's names."""
_CLIENTS: Mapping[str, tuple[type, object]] = {
    "instructions": (str, None),
    "prompt_cache_key": (str, None),
    "safety_identifier": (str, None),
    "max_tool_calls": (object, None),
    "metadata": (dict, {}),
}
"""The client's own values that change nothing: repeated where they are of this type, and what stands there if not."""
_CONSTANT: Mapping[str, object] = {
    "previous_response_id": None,
    "truncation": "disabled",
    "store": False,
    "background": False,
    "service_tier": "default",
}
_TOP = PARAMETERS["top_logprobs"]
_FUNCTION: Mapping[str, object] = {"description": "", "parameters": {}, "strict": False}
"""What a response says of a function where the client says nothing."""
_SCHEMA: Mapping[str, object] = {"name": "", "description": None, "schema": None, "strict": False}
"""The same of a JSON schema that the text has to fit."""


def echo(decoded: ResponsesRequest) -> dict[str, object]:
    """What was really used, in this API's names, and the client's own values where they change nothing."""
    request, fields = decoded.request, decoded.fields
    clients = ((name, fields.get(name), *row) for name, row in _CLIENTS.items())
    return {
        "model": request.model.id,
        **{name: value if isinstance(value, kind) else absent for name, value, kind, absent in clients},
        **{name: value_of(request.params) for name, value_of in _PARAMETERS.items()},
        **_CONSTANT,
        "top_logprobs": request.params.sampling.logprobs or _TOP.default,
        "tool_choice": fields.get("tool_choice") or request.model.parameters["tool_choice"].default,
        "tools": [{**_FUNCTION, **tool} if tool["type"] == "function" else tool for tool in decoded.tools.kept],
        "text": {"format": _format(_member(fields, "text", "format"))},
        "reasoning": {"effort": _member(fields, "reasoning", "effort"), "summary": None},
    }


def _member(fields: Mapping[str, object], name: str, member: str) -> object:
    value = fields.get(name)
    return value.get(member) if isinstance(value, Mapping) else None


def _format(given: object) -> object:
    if not isinstance(given, Mapping) or given.get("type") != "json_schema":
        return given or {"type": "text"}
    return {**_SCHEMA, **{name: value for name, value in given.items() if value is not None}}
