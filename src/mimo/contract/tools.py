"""The rows `tools`, `tool_choice` and `response_format`: wire values → `Tool`, `ToolChoice`, `JsonFormat`, or a 400.

What one field alone can tell is checked by its row; `check_tool_rules` checks them together. Knows no prompt, no
grammar and no model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mimo.contract.checks import refuse as _refuse
from mimo.contract.errors import InvalidRequest, shown
from mimo.contract.json_schema.followed import followed
from mimo.contract.json_schema.schema import check_constraining, check_shape, without_nulls
from mimo.types import JsonFormat, NamedTool, Tool, ToolChoice


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an API allows of tools: how many at `most`, the `longest` name in characters. `nulls`: a keyword of a schema
    whose value is null is one that is absent."""

    most: int
    longest: int
    nulls: bool = False

    @property
    def name(self) -> str:
        """The regular expression of a name."""
        return rf"[A-Za-z0-9_.-]{{1,{self.longest}}}"

    @property
    def name_words(self) -> str:
        """The same in words."""
        return f"1 to {self.longest} letters, digits, underscores, dots and dashes"


OPENAI = Bounds(most=128, longest=64)


def tools(value: object, path: str, bounds: Bounds = OPENAI) -> tuple[Tool, ...]:
    """Function tools within `bounds`, each name once."""
    if not isinstance(value, list):
        _refuse(path, "an array of function tools", value)
    if len(value) > bounds.most:
        raise InvalidRequest(f"{path} may hold at most {bounds.most} tools, got {len(value)}", param=path)
    found = tuple(_tool(item, f"{path}[{at}]", bounds) for at, item in enumerate(value))
    seen: set[str] = set()
    for at, tool in enumerate(found):
        if tool.name in seen:
            words = f"a name of its own, got {shown(tool.name)}, which an earlier one has"
            raise InvalidRequest(f"{path}[{at}].function.name must be {words}", param=f"{path}[{at}].function.name")
        seen.add(tool.name)
    return found


def tool_choice(value: object, path: str) -> ToolChoice:
    """`auto`, `none`, `required`, or the one function to call."""
    if value == "auto" or value == "none" or value == "required":
        return value
    if not isinstance(value, dict):
        _refuse(path, 'one of auto, none, required, or {"type": "function", "function": {"name": …}}', value)
    if value.get("type") != "function":
        _refuse(f"{path}.type", "function", value.get("type"))
    function = value.get("function")
    if not isinstance(function, dict):
        _refuse(f"{path}.function", "an object with the name of a tool", function)
    chosen = function.get("name")
    if not isinstance(chosen, str):
        _refuse(f"{path}.function.name", "the name of a tool", chosen)
    return NamedTool(chosen)


def response_format(value: object, path: str) -> JsonFormat | None:
    """None for text; any JSON object, or JSON that fits a schema."""
    if not isinstance(value, dict):
        _refuse(path, 'an object like {"type": "text"}', value)
    kind = value.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        schema = value.get("schema")
        return JsonFormat() if schema is None else _followed(schema, "", f"{path}.schema")
    if kind != "json_schema":
        _refuse(f"{path}.type", "one of text, json_object, json_schema", kind)
    where = f"{path}.json_schema"
    named = value.get("json_schema")
    if not isinstance(named, dict):
        _refuse(where, "an object with name and schema", named)
    title = named.get("name")
    if title is not None and not (isinstance(title, str) and re.fullmatch(OPENAI.name, title)):
        _refuse(f"{where}.name", OPENAI.name_words, title)
    _flag(named.get("strict"), f"{where}.strict")
    _text(named.get("description"), f"{where}.description")
    return _followed(named.get("schema"), title or "", f"{where}.schema")


def _followed(schema: object, name: str, path: str) -> JsonFormat:
    """JSON that fits a schema, which decoding must be able to follow."""
    check_shape(schema, path)
    assert isinstance(schema, dict)
    rules = followed(schema, path)
    check_constraining(rules, path)
    return JsonFormat(rules, name, path)


def check_tool_rules(found: Sequence[Tool], choice: ToolChoice) -> tuple[Tool, ...]:
    """The rules between `tools` and `tool_choice`: the tools, each with whether its schema is enforced.

    `required` and a named function enforce that of every function they allow, `auto` those of `strict` tools. An
    enforced schema must be one that decoding can follow; where the client is not strict, a part of it is enough.
    """
    if not found and choice not in ("auto", "none"):
        raise InvalidRequest("tool_choice needs tools: there is nothing to call", param="tool_choice")
    if isinstance(choice, NamedTool) and choice.name not in [tool.name for tool in found]:
        names = shown([tool.name for tool in found])
        path = "tool_choice.function.name"
        raise InvalidRequest(f"{path} must be one of the tools {names}, got {shown(choice.name)}", param=path)
    return tuple(
        _with_rules(tool, f"tools[{at}].function.parameters") if _enforced(tool, choice) else tool
        for at, tool in enumerate(found)
    )


def _with_rules(tool: Tool, path: str) -> Tool:
    """`tool`, its schema enforced. Raises `InvalidRequest` for what cannot be followed."""
    left_out: list[str] = []
    rules = followed(tool.parameters, path, None if tool.strict else left_out)
    check_constraining(rules, path)
    changed = None if rules == tool.parameters else rules
    return replace(tool, enforced=True, followed=changed, left_out=tuple(left_out))


def _enforced(tool: Tool, choice: ToolChoice) -> bool:
    if isinstance(choice, NamedTool):
        return tool.name == choice.name
    return choice == "required" or (choice == "auto" and tool.strict)


def _tool(item: object, path: str, bounds: Bounds) -> Tool:
    if not isinstance(item, dict):
        _refuse(path, "an object with type and function", item)
    if item.get("type") != "function":
        _refuse(f"{path}.type", "function", item.get("type"))
    path = f"{path}.function"
    function = item.get("function")
    if not isinstance(function, dict):
        _refuse(path, "an object with a name", function)
    name = function.get("name")
    if not isinstance(name, str) or not re.fullmatch(bounds.name, name):
        _refuse(f"{path}.name", bounds.name_words, name)
    return Tool(
        name=name,
        description=_text(function.get("description"), f"{path}.description") or "",
        parameters=_parameters(function.get("parameters"), f"{path}.parameters", bounds),
        strict=_flag(function.get("strict"), f"{path}.strict"),
    )


def _parameters(value: object, path: str, bounds: Bounds) -> Mapping[str, object]:
    if value is None:
        return {}
    if bounds.nulls:
        value = without_nulls(value)
    check_shape(value, path)
    assert isinstance(value, dict)
    if value.get("type", "object") != "object":
        _refuse(f"{path}.type", "object: arguments are always an object", value["type"])
    return value


def _text(value: object, path: str) -> str | None:
    if value is not None and not isinstance(value, str):
        _refuse(path, "a string", value)
    return value


def _flag(value: object, path: str) -> bool:
    if value is not None and not isinstance(value, bool):
        _refuse(path, "true or false", value)
    return bool(value)
