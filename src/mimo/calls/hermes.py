"""Calls as Hermes and Qwen write them: `{"name": "NAME", "arguments": {…}}`, with or without new lines around."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import msgspec

from mimo.calls.base import WHITE_SPACE, CallFormat, Texts, within
from mimo.calls.json_text import ConstrainedJsonTexts
from mimo.calls.scanner import Body
from mimo.contract.json_schema.schema import LARK
from mimo.tokenizers.base import Tokenizer
from mimo.types import Constraint, Tool

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TURNS = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'["\\]')


class HermesCalls(CallFormat):
    """One JSON object a call."""

    name = "hermes"
    begins = b"{"

    def used_by(self, template: str) -> bool:
        return self.markers.opens in template and "arguments" in template

    def body(self, tools: Mapping[str, Tool]) -> Body:
        return HermesBody(tools)

    def rules(self, tool: Tool, rule: str, path: str, left_out: list[str] | None = None) -> list[str]:
        arguments: dict[str, object] = {"type": "object"}
        if tool.enforced:
            schema = within(tool.rules, "/properties/arguments")
            assert isinstance(schema, dict)
            arguments = {**schema, **arguments}
            for key in self.texts(tool):
                arguments["properties"] = {key: {"type": "string"}}
        call = {
            "type": "object",
            "properties": {"name": {"const": tool.name}, "arguments": arguments},
            "required": ["name", "arguments"],
            "additionalProperties": False,
            "x-guidance": WHITE_SPACE,
        }
        return [f'{rule}: "\\n"? {rule}_json "\\n"?', f"{rule}_json: %json {json.dumps(call)}"]

    def texts(self, tool: Tool) -> Mapping[str, str]:
        properties = tool.rules.get("properties")
        if not tool.enforced or not isinstance(properties, Mapping) or len(properties) != 1:
            return {}
        ((key, part),) = properties.items()
        written = part.get(LARK) if isinstance(part, Mapping) else None
        return {key: written} if isinstance(written, str) else {}

    def guarded(self, constraint: Constraint, tools: Sequence[Tool], tokenizer: Tokenizer, texts: Texts) -> Constraint:
        if not texts:
            return constraint
        return ConstrainedJsonTexts(constraint, tokenizer, self.markers.opens, texts, spelled=self.spelled)


class HermesBody(Body):
    """The call of one of `tools`: complete with the brace that closes the first one."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        super().__init__(self._find_end)
        self._tools = tools
        self._object = ""
        self._depth = 0
        self._quoted = False

    @property
    def arguments(self) -> str:
        return self._object

    def _find_end(self) -> bool:
        at = self._seen
        while (found := (_IN_STRING if self._quoted else _TURNS).search(self.data, at)) is not None:
            mark, at = found[0], found.end()
            if mark == b"\\":
                if at == len(self.data):
                    self._seen = at - 1
                    return False
                at += 1
            elif mark == b'"':
                self._quoted = not self._quoted
            else:
                self._depth += 1 if mark in b"{[" else -1
                if self._depth == 0:
                    return self._read(at)
        self._seen = len(self.data)
        return False

    def _read(self, end: int) -> bool:
        try:
            self.name, self._object = _read_json(bytes(self.data[:end]))
        except (ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError):
            return self._broken()
        if self.name not in self._tools:
            return self._broken()
        return self._go(end, self._done)


def _read_json(data: bytes) -> tuple[str, str]:
    """Name and arguments (a JSON object, as written) of a call in JSON; raises what decoding raises, KeyError."""
    fields = _FIELDS.decode(data)
    name: str = msgspec.json.decode(fields["name"], type=str)
    written = bytes(fields.get("arguments") or fields.get("parameters") or b"{}")
    value = msgspec.json.decode(written)
    if isinstance(value, str):  # JSON within a string
        written, value = value.encode(), msgspec.json.decode(value)
    if value is None:
        return name, "{}"
    if not isinstance(value, dict):
        raise ValueError("arguments must be an object")
    return name, written.decode()
