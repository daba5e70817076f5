"""How tools are declared to MiMo-V2-Flash: the end of its system turn, as text and the names of control tokens.

    # Tools … <tools>⏎<function>⏎<name>N</name>⏎<description>D</description>⏎<parameters>⏎<parameter>⏎<name>p</name> …
    </parameter>⏎<required>["p"]</required>⏎</parameters>⏎</function>⏎</tools> and the rules of a call

The elements are the model's own; the wording of the rules is ours, and nano was trained on it (`training/chat.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from mimo.contract.errors import InvalidRequest
from mimo.types import CALL, THINK, Tool

HEAD = (
    "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You have access to the following functions:\n\n<tools>"
)
RULES = (
    "\n</tools>\n\nTo call a function, write it in this form, with nothing after it:\n\n",
    CALL.opens,
    "\n<function=example_function>\n<parameter=example_parameter>value</parameter>\n</function>\n",
    CALL.closes,
    "\n\n<IMPORTANT>\n- Each call sits in its own ",
    CALL.opens,
    " block and names a function from the list.\n- Values are kept exactly as they are, with no quotes or spaces "
    "added.\n- Give every required parameter.\n- Never call a function inside ",
    *THINK,
    ".\n- If no function fits, answer without one.\n</IMPORTANT>",
)
"""Entries that are the name of a control token stand for that token."""


def declaration(tools: Sequence[Tool]) -> list[tuple[str, bool]]:
    """The declaration in order: (text, False), or (name, True) for a control token. Raises `InvalidRequest`."""
    text = HEAD + "".join(_function(tool, f"tools[{at}].function") for at, tool in enumerate(tools))
    return [(text, False), *((part, part.startswith("<") and part.endswith(">")) for part in RULES)]


def printed(value: object, path: str = "messages") -> str:
    """A value as the template prints it: text raw, objects and lists as JSON, other scalars as Python does.

    Raises `InvalidRequest` naming `path` for what cannot be printed (nested too deep, a number of thousands of digits).
    """
    try:
        if isinstance(value, dict | list | tuple):
            return json.dumps(value, ensure_ascii=False)
        return str(value)
    except (ValueError, TypeError, RecursionError) as problem:
        what = "a schema" if path.startswith("tools") else "the arguments of a tool call"
        raise InvalidRequest(f"{path}: {what} cannot be printed: {problem}", param=path) from None


def _function(tool: Tool, path: str) -> str:
    lines = [f"\n<function>\n<name>{tool.name}</name>\n<description>{tool.description}</description>\n<parameters>"]
    properties = tool.parameters.get("properties") or {}
    assert isinstance(properties, Mapping)
    for name, schema in properties.items():
        lines.append(f"\n<parameter>\n<name>{name}</name>")
        lines += _elements(schema if isinstance(schema, Mapping) else {}, ("type", "description"), path)
        lines.append("\n</parameter>")
    rest = {key: value for key, value in tool.parameters.items() if key not in ("type", "properties")}
    lines += _elements(rest, (), path)
    return "".join([*lines, "\n</parameters>\n</function>"])


def _elements(schema: Mapping[str, object], first: tuple[str, ...], path: str) -> Iterator[str]:
    """Every key of a schema as an element, those of `first` before the others."""
    for key in [*(key for key in first if key in schema), *(key for key in schema if key not in first)]:
        yield f"\n<{key}>{printed(schema[key], f'{path}.parameters')}</{key}>"
