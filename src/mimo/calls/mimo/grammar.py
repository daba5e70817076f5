"""Calls as MiMo writes them, in both dialects: V2-Flash puts a new line after each part, V2.6 none.

    <function=NAME> <parameter=KEY>VALUE</parameter> … </function>

The grammar allows a new line wherever one may stand, so the model goes on in the dialect it was trained on. Parameters
come in the order of the schema. What a VALUE may be is in `values.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from mimo.calls.base import MAX_RULES, CallFormat, Texts
from mimo.calls.mimo.body import FUNCTION, MimoBody
from mimo.calls.mimo.end_guard import EndGuard
from mimo.calls.mimo.text_grammar import ConstrainedTexts
from mimo.calls.mimo.texts import TEXT
from mimo.calls.mimo.values import Values
from mimo.calls.scanner import Body
from mimo.contract.errors import InvalidRequest, shown
from mimo.contract.json_schema.references import Schema, resolved
from mimo.contract.json_schema.schema import ANNOTATIONS, LARK
from mimo.contract.json_schema.types import SchemaTypes
from mimo.tokenizers.base import Tokenizer
from mimo.types import Constraint, Tool

_READ = {"type", "properties", "required", "additionalProperties", "$defs", "definitions", "$ref"}
_KEY = re.compile(r"[^<>\n]{1,256}")


class MimoCalls(CallFormat):
    """One element a function, one a parameter."""

    name = "mimo"
    begins = FUNCTION

    def used_by(self, template: str) -> bool:
        return FUNCTION.decode() in template

    def body(self, tools: Mapping[str, Tool]) -> Body:
        return MimoBody(tools, self.markers.closes.encode())

    def rules(self, tool: Tool, rule: str, path: str, left_out: list[str] | None = None) -> list[str]:
        opens = f'{rule}: "\\n"? {literal(f"<function={tool.name}>")} "\\n"?'
        closes = '"</function>" "\\n"?'
        if not tool.enforced:
            free = f'("<parameter=" KEY_{rule.upper()} ">" {rule.upper()} "\\n"?)*'
            return [f"{opens} {free} {closes}", f"KEY_{rule.upper()}: /[^<>\\n]{{1,64}}/", f"{rule.upper()}: {TEXT}"]
        schema = _object(tool.rules, path, left_out)
        properties, required = _properties(schema, path)
        values = Values(tool.rules, left_out)
        parts, rules, size = [], [], 0
        for at, (key, part) in enumerate(properties.items()):
            where = f"{path}.properties.{key[:64]}"
            if not _KEY.fullmatch(key):
                raise InvalidRequest(f"{where}: the name {shown(key)} cannot be written in a call", param=where)
            rules.append(f'{rule}_{at}: {literal(f"<parameter={key}>")} {rule}_{at}_value "\\n"?')
            rules += (value := values.rules(part, f"{rule}_{at}_value", where))
            parts.append(f"{rule}_{at}" + ("" if key in required else "?"))
            if (size := size + sum(map(len, value))) > MAX_RULES:
                raise InvalidRequest(
                    f"{path}: its grammar is longer than {MAX_RULES} characters; refer less often to large parts",
                    param=path,
                )
        return [" ".join([opens, *parts, closes]), *rules]

    def texts(self, tool: Tool) -> Mapping[str, str]:
        properties = tool.rules.get("properties", {})
        assert isinstance(properties, Mapping)
        parts = ((key, part.get(LARK)) for key, part in properties.items() if isinstance(part, Mapping))
        return {key: written for key, written in parts if isinstance(written, str)} if tool.enforced else {}

    def guarded(self, constraint: Constraint, tools: Sequence[Tool], tokenizer: Tokenizer, texts: Texts) -> Constraint:
        values = [(tool.name, key) for tool in tools if tool.enforced for key in _json_parameters(tool)]
        if values:
            constraint = EndGuard(constraint, tokenizer, self.markers.opens, values)
        return ConstrainedTexts(constraint, tokenizer, self.markers.opens, texts) if texts else constraint


def _json_parameters(tool: Tool) -> list[str]:
    """The parameters whose values are JSON that may hold strings."""
    properties, _ = _properties(_object(tool.rules, "", []), "")
    types = SchemaTypes(tool.rules)
    return [key for key, part in properties.items() if {"array", "object"} & types.of(part)]


def literal(text: str) -> str:
    """`text` as a literal of a Lark grammar."""
    return json.dumps(text, ensure_ascii=False)


def _object(root: Schema, path: str, left_out: list[str] | None) -> Schema:
    """The schema of the arguments, its own references followed; it may say only what a grammar can enforce, and what
    more it says goes to `left_out`."""
    schema = root
    for _ in range(16):
        for keyword in schema:
            if keyword in _READ or keyword in ANNOTATIONS or keyword.startswith("x-"):
                continue
            if left_out is not None:
                left_out.append(f"{path}.{keyword[:64]}")
            else:
                raise InvalidRequest(
                    f"{path}: the keyword {shown(keyword)} is not supported for the arguments as a whole",
                    param=f"{path}.{keyword[:64]}",
                )
        if "$ref" not in schema:
            return schema
        target = resolved(root, str(schema["$ref"]))
        schema = target if isinstance(target, Mapping) else {}
    raise InvalidRequest(f"{path}.$ref: too many references in a row", param=f"{path}.$ref")


def _properties(schema: Schema, path: str) -> tuple[dict[str, object], set[str]]:
    """All parameters by name, those that are only required too; and the required ones."""
    properties, names = schema.get("properties", {}), schema.get("required", [])
    assert isinstance(properties, Mapping) and isinstance(names, list)
    rest = schema.get("additionalProperties", True)
    missing = [name for name in names if name not in properties]
    if missing and rest is False:
        raise InvalidRequest(f"{path}.required: {shown(missing[0])} is not allowed at all", param=f"{path}.required")
    for name in names:
        if properties.get(name) is False:
            raise InvalidRequest(f"{path}.required: {shown(name)} is not allowed at all", param=f"{path}.required")
    possible = {name: part for name, part in properties.items() if part is not False}
    return {**possible, **dict.fromkeys(missing, rest)}, set(names)
