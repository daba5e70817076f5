"""Functions and calls as plain text, for a template that has no place for them: Hermes' form, in a wording of our own.

    system   …and the functions, a line of JSON each, with how to call one
    assistant   TEXT <tool_call>⏎{"name": …, "arguments": {…}}⏎</tool_call>
    user     <tool_response>⏎RESULT⏎</tool_response>

Knows no template.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby

from msgspec import structs

from mimo.chat.jinja.form import as_openai
from mimo.types import CALL, Message, Tool, ToolCall

_HEAD = "# Tools\n\nYou can call these functions. Each line describes one in JSON:\n\n<tools>\n"
_RULES = f"""
</tools>

To call a function, write its name and arguments as JSON between these tags, and nothing after them:

{CALL.opens}
{{"name": "NAME", "arguments": {{"PARAMETER": "VALUE"}}}}
{CALL.closes}

Results come back between <tool_response> and </tool_response>. If no function fits, answer without one."""


def spelled(messages: Sequence[Message], tools: Sequence[Tool]) -> list[Message]:
    """The conversation with everything about functions as text."""
    out: list[Message] = []
    for is_result, run in groupby(messages, lambda message: message.role == "tool"):
        if is_result:
            results = (f"<tool_response>\n{message.content}\n</tool_response>" for message in run)
            out.append(Message("user", "\n".join(results)))
        else:
            out += map(_without_calls, run)
    if not tools:
        return out
    lines = "\n".join(json.dumps(as_openai(tool), ensure_ascii=False) for tool in tools)
    declared = f"{_HEAD}{lines}{_RULES}"
    if out and out[0].role == "system":
        return [structs.replace(out[0], content=f"{out[0].content}\n\n{declared}"), *out[1:]]
    return [Message("system", declared), *out]


def _without_calls(message: Message) -> Message:
    if not message.tool_calls:
        return message
    text = "\n".join(filter(None, [message.content, *map(_call, message.tool_calls)]))
    return structs.replace(message, content=text, tool_calls=())


def _call(call: ToolCall) -> str:
    written = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
    return f"{CALL.opens}\n{written}\n{CALL.closes}"
