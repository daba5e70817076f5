"""Calls as Hermes and Qwen write them: `{"name": "NAME", "arguments": {…}}`, with or without new lines around."""

from __future__ import annotations

import json

from mimo.calls.base import WHITE_SPACE, CallFormat, within
from mimo.types import Tool


class HermesCalls(CallFormat):
    """One JSON object a call."""

    name = "hermes"

    def used_by(self, template: str) -> bool:
        return "<tool_call>" in template and "arguments" in template

    def rules(self, tool: Tool, rule: str, path: str, *, constrained: bool) -> list[str]:
        arguments: dict[str, object] = {"type": "object"}
        if constrained:
            held = within(tool.parameters, "/properties/arguments")
            assert isinstance(held, dict)
            arguments = {**held, **arguments}
        call = {
            "type": "object",
            "properties": {"name": {"const": tool.name}, "arguments": arguments},
            "required": ["name", "arguments"],
            "additionalProperties": False,
            "x-guidance": WHITE_SPACE,
        }
        return [f'{rule}: "\\n"? {rule}_json "\\n"?', f"{rule}_json: %json {json.dumps(call)}"]
