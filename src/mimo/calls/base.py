"""What a dialect of calls is: its markers, how it is recognised, what reads it, and the grammar of a call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from mimo.calls.scanner import Body
from mimo.tokenizers.base import Tokenizer
from mimo.types import CALL, Constraint, Markers, Tool

WHITE_SPACE: dict[str, object] = {"whitespace_pattern": "( |\\n {0,16})"}
"""Where JSON allows white space: one space, or a new line and an indentation; so it never runs on."""

MAX_RULES = 2 << 20
"""Characters of the rules of one function: a schema that is repeated at every reference to it can grow to any size."""


Texts = Mapping[tuple[str, str], Callable[[], Constraint]]
"""(function, parameter) → what its value must follow, made anew for each value."""


class CallFormat(ABC):
    """One dialect: what stands between the markers of a call."""

    name: str
    begins: bytes
    """How what stands there begins, after white space."""
    markers: Markers = CALL
    """Control tokens around a call."""
    spelled = False
    """Whether the markers are no control tokens, but spelled out as text."""

    @abstractmethod
    def used_by(self, template: str) -> bool:
        """Whether a chat template (Jinja source) writes calls in this way."""

    @abstractmethod
    def body(self, tools: Mapping[str, Tool]) -> Body:
        """What reads one call of one of `tools`."""

    @abstractmethod
    def rules(self, tool: Tool, rule: str, path: str, left_out: list[str] | None = None) -> list[str]:
        """Lark rules, the first one named `rule`: what stands between the markers in a call of `tool`.

        The arguments fit `tool.parameters`, whose path is `path`, if that is enforced; else they are free. Raises
        `InvalidRequest` naming the path of what cannot be written in this format; with `left_out` the paths of rules
        that this format cannot hold are added there instead.
        """

    def texts(self, tool: Tool) -> Mapping[str, str]:
        """The parameters of `tool` whose values can follow a grammar of their own (`LARK`), and those grammars."""
        return {}

    def guarded(self, constraint: Constraint, tools: Sequence[Tool], tokenizer: Tokenizer, texts: Texts) -> Constraint:
        """`constraint`, which follows the rules of `tools`, and what no grammar can say. `texts`: what the values that
        `texts()` names must follow."""
        return constraint


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
