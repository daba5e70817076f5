"""The grammar of one VALUE of MiMo's calls, up to and with its `</parameter>`.

A string stands there as it is, everything else as JSON. Where a schema allows both, a text that would be read as JSON
of an allowed type is no string (`calls/arguments.py` says how values are read); so what comes out fits the schema.
Knows no tool and no markup but `</parameter>`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from mimo.calls.arguments import types_of
from mimo.calls.base import WHITE_SPACE, self_contained
from mimo.calls.mimo.texts import END, text
from mimo.contract.errors import InvalidRequest, shown
from mimo.contract.json_schema.references import TYPES, Schema, resolved
from mimo.contract.json_schema.schema import ANNOTATIONS

_INTEGER, _NUMBER = r"-?(0|[1-9][0-9]*)", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_PLAIN = {"null": "null", "boolean": "true|false", "integer": _INTEGER, "number": _NUMBER}
_READ_AS = {**_PLAIN, "null": "null|None", "boolean": "true|false|True|False", "integer": _NUMBER}
_BEGINS = {"array": r"\[", "object": r"\{", "integer": "[-0-9]", "number": "[-0-9]"}
_NUMERIC = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_TEXTUAL = {"minLength", "maxLength", "pattern", "format"}


@dataclass(slots=True)
class _Parts:
    """What a value may be. Lark expressions: `texts` of strings by rules, `named` of strings by name, `plain` of JSON
    of the types `kinds`; and schemas: `json`."""

    texts: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    json: list[Schema] = field(default_factory=list)


class Values:
    """Rules for parts of `root`, the schema of all arguments."""

    def __init__(self, root: Schema) -> None:
        self._root = root

    def rules(self, schema: object, rule: str, path: str) -> list[str]:
        """Lark rules, the first one named `rule`, of a value that fits `schema`. Raises `InvalidRequest`."""
        if _names_end(self_contained(schema, self._root)):
            raise InvalidRequest(f"{path}: {shown(END)} cannot be written within a value of a call", param=path)
        if "string" not in types_of(schema, self._root):
            return [f'{rule}: {rule}_json "{END}"', f"{rule}_json: {self._json([schema])}"]
        parts = _Parts()
        self._collect(schema, path, parts, ())
        taken = [_READ_AS[kind] for kind in _PLAIN if kind in parts.kinds]
        first = {_BEGINS[kind] for part in parts.json for kind in types_of(part, self._root) if kind in _BEGINS}
        taken += [f"{begin}(?s:.*)" for begin in sorted(first)]
        without = f" & ~/{'|'.join(taken)}/" if taken else ""
        texts = [f"( {one}{without} )" for one in parts.texts]
        terminal = rule.upper()
        rules = [f'{terminal}: ( {" | ".join([*parts.named, *parts.plain, *texts])} ) "{END}"']
        if not parts.json:
            return [f"{rule}: {terminal}", *rules]
        return [f'{rule}: {terminal} | {rule}_json "{END}"', *rules, f"{rule}_json: {self._json(parts.json)}"]

    def _json(self, schemas: list[object] | list[Schema]) -> str:
        schema: object = schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
        document = self_contained(schema, self._root)
        fields = document if isinstance(document, Mapping) else {}
        return f"%json {json.dumps({**fields, 'x-guidance': WHITE_SPACE})}"

    def _collect(self, schema: object, path: str, parts: _Parts, seen: tuple[str, ...]) -> None:
        fields: Schema = schema if isinstance(schema, Mapping) else {}
        rules = {key for key in fields if key not in ANNOTATIONS and key not in ("$defs", "definitions")}
        if "string" not in types_of(schema, self._root):
            self._collect_json(fields, parts)
        elif rules & {"$ref", "anyOf", "oneOf", "allOf"}:
            self._collect_parts(fields, rules, path, parts, seen)
        elif "enum" in fields or "const" in fields:
            self._collect_named(fields, parts)
        else:
            self._collect_typed(fields, path, parts)

    def _collect_parts(self, fields: Schema, rules: set[str], path: str, parts: _Parts, seen: tuple[str, ...]) -> None:
        """A schema made of others: each of them by itself; together with rules of its own it cannot be taken apart."""
        keyword = next(key for key in ("$ref", "anyOf", "oneOf", "allOf") if key in rules)
        others = rules - {keyword}
        inner = fields[keyword] if isinstance(fields[keyword], list) else [fields[keyword]]
        assert isinstance(inner, list)
        if others or (keyword == "allOf" and len(inner) > 1):
            raise InvalidRequest(
                f"{path}: {keyword} beside other rules is not supported where a string is possible",
                param=f"{path}.{keyword}",
            )
        if keyword == "$ref":
            ref = str(fields["$ref"])
            if ref not in seen:
                self._collect(resolved(self._root, ref), path, parts, (*seen, ref))
            return
        texts = [part for part in inner if "string" in types_of(part, self._root)]
        if keyword == "oneOf" and len(texts) > 1:
            raise InvalidRequest(f"{path}: oneOf of several strings is not supported; use anyOf", param=f"{path}.oneOf")
        for at, part in enumerate(inner):
            self._collect(part, f"{path}.{keyword}[{at}]", parts, seen)

    def _collect_named(self, fields: Schema, parts: _Parts) -> None:
        values = fields.get("enum", [fields.get("const")])
        assert isinstance(values, list)
        types = types_of(fields, self._root)
        for value in values:
            if isinstance(value, str):
                if _fits(value, fields):
                    parts.named.append(json.dumps(value, ensure_ascii=False) if value else "/()/")
            elif types & types_of({"const": value}, self._root):
                parts.plain.append(json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False))
                parts.kinds |= types_of({"const": value}, self._root) & set(_PLAIN)

    def _collect_json(self, fields: Schema, parts: _Parts) -> None:
        if "enum" in fields or "const" in fields:
            self._collect_named(fields, parts)
            return
        types = types_of(fields, self._root)
        if types <= set(_PLAIN) and not _NUMERIC & set(fields) and not {"anyOf", "oneOf", "allOf"} & set(fields):
            self._collect_plain(types, parts)
        else:
            parts.json.append(fields)

    def _collect_plain(self, types: set[str], parts: _Parts) -> None:
        types = types - {"integer"} if "number" in types else types
        parts.kinds |= types
        parts.plain += [f"/{_PLAIN[kind]}/" for kind in _PLAIN if kind in types]

    def _collect_typed(self, fields: Schema, path: str, parts: _Parts) -> None:
        """A string, and whatever else `type` allows."""
        parts.texts.append(text(fields, path))
        types = types_of(fields, self._root) - {"string"}
        plain = types & ({"null", "boolean"} if _NUMERIC & set(fields) else set(_PLAIN))
        self._collect_plain(plain, parts)
        if rest := [kind for kind in TYPES if kind in types - plain]:
            parts.json.append({**{key: fields[key] for key in fields if key not in _TEXTUAL}, "type": rest})


def _names_end(schema: object) -> bool:
    """Whether a schema speaks of a text that holds the end of a value, other than in words for people."""
    if isinstance(schema, str):
        return END in schema
    if isinstance(schema, Mapping):
        return any(END in key or (key not in ANNOTATIONS and _names_end(part)) for key, part in schema.items())
    return isinstance(schema, list) and any(map(_names_end, schema))


def _fits(value: str, fields: Schema) -> bool:
    least, most = fields.get("minLength", 0), fields.get("maxLength", len(value))
    return isinstance(least, int | float) and isinstance(most, int | float) and least <= len(value) <= most
