"""In which form a template wants its messages: content as text or as parts, arguments as a mapping or as JSON text …

One `Form` for a template, found by `probe.py`. Knows no rendering.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from mimo.types import Message, Tool, ToolCall


@dataclass(frozen=True, slots=True)
class Form:
    """`parts`: roles whose content is a list of parts. `text_arguments`: a call's arguments as JSON text. `any_text`:
    arguments that are no JSON may be given as they are; where not, they are those of a parameter `arguments`.
    `null_content`: content is None where a message with calls has no text. `apart`: text and calls of one turn as two
    messages. `lost`: what the template leaves out or refuses in any form (the names that `probe.py` has for it)."""

    parts: frozenset[str] = frozenset()
    text_arguments: bool = False
    any_text: bool = False
    null_content: bool = False
    apart: bool = False
    lost: frozenset[str] = frozenset()


def as_dictionary(message: Message, shield: Callable[[object], object], form: Form) -> dict[str, object]:
    """`message` as templates know it, every text passed through `shield`; what it does not have is absent."""
    content = shield(message.content)
    if message.role in form.parts:
        content = [{"type": "text", "text": content}]
    if form.null_content and message.tool_calls and not message.content:
        content = None
    fields: dict[str, object] = {"role": message.role, "content": content}
    for name in ("reasoning_content", "tool_call_id", "name"):
        if (text := getattr(message, name)) is not None:
            fields[name] = shield(text)
    if message.tool_calls:
        fields["tool_calls"] = [_call(call, shield, form) for call in message.tool_calls]
    return fields


def _call(call: ToolCall, shield: Callable[[object], object], form: Form) -> dict[str, object]:
    arguments: object = call.arguments
    as_it_is = isinstance(arguments, str) and form.any_text
    if isinstance(arguments, str) and not as_it_is:
        arguments = {"arguments": arguments}
    if form.text_arguments and not as_it_is:
        arguments = json.dumps(arguments, ensure_ascii=False)
    function = {"name": shield(call.name), "arguments": shield(arguments)}
    return {"id": shield(call.id), "type": "function", "function": function}


def as_openai(tool: Tool) -> dict[str, object]:
    """`tool` in the form that templates expect."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}
