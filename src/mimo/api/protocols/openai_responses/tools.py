"""The tools of the Responses API → function tools of the parameters table, and the way back for their calls.

    function                 as it is
    custom                   a function of one string, `input`; a regular expression or a grammar holds that string
    namespace                its tools, each named NAMESPACE.NAME
    web_search, mcp, …       left out and reported: they run on OpenAI's servers

The model sees functions only; an `Origin` says as what a call of one goes back to the client. Knows no message.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mimo.api.protocols.schema import OBJECT, STRING, Schema, any_of, array, function_name, obj
from mimo.contract.checks import refuse
from mimo.contract.json_schema.schema import LARK
from mimo.contract.tools import OPENAI

_FUNCTION = ("name", "description", "parameters", "strict")
_CUSTOM = ("name", "description", "format")
_NAMESPACE = ("name", "description", "tools")
INPUT = "input"
"""The one argument of a custom tool's function."""
_HELD = ("pattern", LARK)
Wire = dict[str, object]
_NAMES: Schema = {"name": function_name(), "description": STRING}
_FUNCTION_SHAPE = obj({"type": {"const": "function"}, **_NAMES, "parameters": OBJECT, "strict": {"type": "boolean"}})
TOOL: Schema = any_of(
    _FUNCTION_SHAPE,
    obj({"type": {"const": "custom"}, **_NAMES, "format": OBJECT}),
    obj({"type": {"const": "namespace"}, **_NAMES, "tools": array(_FUNCTION_SHAPE, 0, OPENAI.most)}),
)
"""The shape of a tool in documents."""
CHOICE: Schema = any_of({"enum": ["auto", "none", "required"]}, obj({"type": STRING, "name": STRING}, ("type",)))


@dataclass(frozen=True, slots=True)
class Origin:
    """The client's tool behind a function: its `name`, in `namespace` if that is not "". `custom`: it takes text."""

    name: str
    namespace: str = ""
    custom: bool = False


@dataclass(slots=True)
class Tools:
    """Reads the arrays of tools of one request; what it left out is in `ignored`, by path."""

    ignored: list[str]
    functions: list[Wire] = field(default_factory=list)
    """As the parameters table takes them."""
    origins: dict[str, Origin] = field(default_factory=dict)
    """By the name that the model sees."""
    wire_names: dict[str, str] = field(default_factory=dict)
    """The path of each function → the client's path for it."""
    kept: list[Wire] = field(default_factory=list)
    """The client's tools that were not left out."""

    def add(self, value: object, path: str, namespace: str = "") -> None:
        """Read an array of tools. Raises `InvalidRequest` by path."""
        if not isinstance(value, list):
            refuse(path, "an array of tools", value)
        for at, tool in enumerate(value):
            self._tool(tool, f"{path}[{at}]", namespace)

    def _tool(self, tool: object, path: str, namespace: str) -> None:
        if not isinstance(tool, dict):
            refuse(path, "an object with type and name", tool)
        match tool.get("type"):
            case "function":
                self._unknown(tool, _FUNCTION, path)
                self._offer(tool, {name: tool[name] for name in _FUNCTION if name in tool}, path, namespace)
            case "custom":
                self._unknown(tool, _CUSTOM, path)
                function = {"name": tool.get("name"), "description": tool.get("description")}
                self._offer(tool, {**function, **self._input(tool.get("format"), f"{path}.format")}, path, namespace)
            case "namespace" if not namespace:
                self._unknown(tool, _NAMESPACE, path)
                if not isinstance(name := tool.get("name"), str) or not name:
                    refuse(f"{path}.name", "a non-empty string", name)
                self.add(tool.get("tools"), f"{path}.tools", name)
                self.kept.append(tool)
            case str():
                self.ignored.append(path)
            case kind:
                refuse(f"{path}.type", "function, custom or namespace", kind)

    def _offer(self, tool: Wire, function: Wire, path: str, namespace: str) -> None:
        if isinstance(name := function.get("name"), str):
            seen = f"{namespace}.{name}" if namespace else name
            self.origins[seen] = Origin(name, namespace, tool["type"] == "custom")
            function = {**function, "name": seen}
        self.wire_names[f"tools[{len(self.functions)}].function"] = path
        self.functions.append({"type": "function", "function": function})
        if not namespace:
            self.kept.append(tool)

    def _input(self, form: object, path: str) -> Wire:
        """The schema of a custom tool's text, strict where a regular expression or a grammar bounds it."""
        text: Wire = {"type": "string"}
        if form is None:
            form = {"type": "text"}
        if not isinstance(form, dict):
            refuse(path, 'an object like {"type": "text"}', form)
        kind = form.get("type")
        if kind not in ("text", "grammar"):
            refuse(f"{path}.type", "text or grammar", kind)
        if kind == "grammar":
            if not isinstance(definition := form.get("definition"), str):
                refuse(f"{path}.definition", "a string", definition)
            match form.get("syntax"):
                case "regex":
                    text["pattern"] = f"^(?:{definition})$"
                case "lark":
                    text[LARK] = definition
                case syntax:
                    refuse(f"{path}.syntax", "lark or regex", syntax)
        schema = {"type": "object", "properties": {INPUT: text}, "required": [INPUT], "additionalProperties": False}
        return {"parameters": schema, "strict": len(text) > 1}

    def _unknown(self, tool: Wire, known: tuple[str, ...], path: str) -> None:
        self.ignored += [f"{path}.{name[:64]}" for name in tool if name not in (*known, "type")]

    def names(self) -> dict[str, str]:
        """Paths of the functions, and of what holds the text of custom ones → the client's paths for them."""
        held = {f"{ours}.parameters.properties.{INPUT}": theirs for ours, theirs in self.wire_names.items()}
        texts = {f"{ours}.{name}": f"{theirs}.format.definition" for ours, theirs in held.items() for name in _HELD}
        return texts | self.wire_names

    def choice(self, value: object) -> object:
        """The `tool_choice` of the table. `allowed_tools` leaves the others out of `functions`."""
        if not isinstance(value, dict):
            return value
        kind = value.get("type")
        if kind == "allowed_tools":
            return self._allowed(value)
        if kind not in ("function", "custom"):
            refuse(
                "tool_choice.type", "function, custom or allowed_tools: no tool of the server's own can be called", kind
            )
        self._unknown(value, ("name", "namespace"), "tool_choice")
        return {"type": "function", "function": {"name": self._seen(value)}}

    def _allowed(self, value: Wire) -> object:
        self._unknown(value, ("mode", "tools"), "tool_choice")
        mode, tools = value.get("mode", "auto"), value.get("tools")
        if mode not in ("auto", "required"):
            refuse("tool_choice.mode", "auto or required", mode)
        if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
            refuse("tool_choice.tools", 'an array of tools like {"type": "function", "name": …}', tools)
        names = [self._seen(tool) for tool in tools]
        for at, name in enumerate(names):
            if tools[at].get("type") in ("function", "custom") and name not in self.origins:
                refuse(f"tool_choice.tools[{at}].name", "the name of a tool", tools[at].get("name"))
        kept = [at for at, tool in enumerate(self.functions) if _name(tool) in names]
        paths = [self.wire_names[f"tools[{at}].function"] for at in kept]
        self.functions = [self.functions[at] for at in kept]
        self.wire_names = {f"tools[{at}].function": path for at, path in enumerate(paths)}
        return mode

    def _seen(self, tool: Wire) -> object:
        """The name that the model sees of a tool that the client names."""
        namespace = tool.get("namespace")
        return f"{namespace}.{tool.get('name')}" if namespace else tool.get("name")


def _name(tool: Wire) -> object:
    function = tool["function"]
    assert isinstance(function, dict)
    return function.get("name")
