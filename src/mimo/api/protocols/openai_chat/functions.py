"""OpenAI's older form of tools, `functions` and `function_call`: read as tools, and the names under which errors speak
of them. Answers to such a request have the old form too. Knows no message.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mimo.api.protocols.schema import OBJECT, STRING, Schema, any_of, array, function_name, obj
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest
from mimo.contract.tools import OPENAI

FUNCTIONS, CHOICE = "functions", "function_call"
FINISH = "function_call"
"""Why a choice ended that calls a function, where an answer has tools say `tool_calls`."""
WIRE_NAMES: Mapping[str, str] = MappingProxyType(
    {"tools[].function": "functions[]", "tools": FUNCTIONS, "tool_choice.function": CHOICE, "tool_choice": CHOICE}
)
"""Paths of ours by the old names."""
SCHEMAS: Schema = {
    FUNCTIONS: any_of(
        array(obj({"name": function_name(), "description": STRING, "parameters": OBJECT}, ("name",)), 0, OPENAI.most),
        {"type": "null"},
    ),
    CHOICE: any_of({"enum": ["auto", "none"]}, obj({"name": STRING}, ("name",)), {"type": "null"}),
}
"""The shapes of both fields in documents."""


def as_tools(fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """`fields` with tools in place of functions, and whether there were any. An answer in the old form holds one call.

    Raises `InvalidRequest` for both forms in one request, and for what is neither."""
    old = [name for name in (FUNCTIONS, CHOICE) if fields.get(name) is not None]
    given = {name: value for name, value in fields.items() if name not in (FUNCTIONS, CHOICE)}
    if not old:
        return given, False
    for name in ("tools", "tool_choice"):
        if given.get(name) is not None:
            raise InvalidRequest(f"{old[0]} is the older form of {name}: send one form, not both", param=old[0])
    given["parallel_tool_calls"] = False
    if (functions := fields.get(FUNCTIONS)) is not None:
        if not isinstance(functions, list):
            refuse(FUNCTIONS, "an array of functions", functions)
        given["tools"] = [{"type": "function", "function": function} for function in functions]
    if (choice := fields.get(CHOICE)) is not None:
        given["tool_choice"] = _choice(choice)
    return given, True


def _choice(value: object) -> object:
    if value in ("auto", "none"):
        return value
    if not isinstance(value, dict):
        refuse(CHOICE, 'one of auto, none, or {"name": …}', value)
    return {"type": "function", "function": value}
