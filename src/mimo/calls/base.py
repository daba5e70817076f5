"""What a call format is: how it is recognised, and the grammar of one function's call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from mimo.types import Tool

WHITE_SPACE: dict[str, object] = {"whitespace_pattern": "( |\\n {0,16})"}
"""Where JSON allows white space: one space, or a new line and an indentation; so it never runs on."""

MAX_RULES = 2 << 20
"""Characters of the rules of one function: a schema that is repeated at every reference to it can grow to any size."""


class CallFormat(ABC):
    """One way to write a call between `<tool_call>` and `</tool_call>`."""

    name: str

    @abstractmethod
    def used_by(self, template: str) -> bool:
        """Whether a chat template (Jinja source) writes calls in this way."""

    @abstractmethod
    def rules(self, tool: Tool, rule: str, path: str, *, constrained: bool) -> list[str]:
        """Lark rules, the first one named `rule`: what stands between the markers in a call of `tool`.

        `constrained`: the arguments fit `tool.parameters`, whose path is `path`; else they are free.
        Raises `InvalidRequest` naming the path of what cannot be written in this format.
        """

    def json_values(self, tool: Tool) -> tuple[tuple[str, str], ...]:
        """The (function, parameter) pairs of `Grammar.json_values` for a constrained call of `tool`."""
        return ()


def within(schema: object, place: str) -> object:
    """`schema` with its local references rewritten for a document that holds the old root at `place` (`/$defs/a`)."""
    if isinstance(schema, list):
        return [within(part, place) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: f"#{place}{value[1:]}" if key == "$ref" and isinstance(value, str) else _inside(key, value, place)
        for key, value in schema.items()
    }


def _inside(key: str, value: object, place: str) -> object:
    if key in ("properties", "patternProperties", "$defs", "definitions") and isinstance(value, Mapping):
        return {name: within(part, place) for name, part in value.items()}  # a property may be called "$ref"
    return value if key in ("enum", "const", "default", "examples") else within(value, place)


def has_ref(schema: object) -> bool:
    """Whether a reference stands anywhere in `schema` (or something that looks like one)."""
    if isinstance(schema, Mapping):
        return "$ref" in schema or any(map(has_ref, schema.values()))
    return isinstance(schema, list) and any(map(has_ref, schema))
