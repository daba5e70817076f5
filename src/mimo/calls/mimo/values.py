"""The grammar of one VALUE of MiMo's calls, up to and with its `</parameter>`.

A string stands there as it is, everything else as JSON. Where a schema allows both, a text that would be read as JSON
of an allowed type is no string (`calls/arguments.py` says how values are read); so what comes out fits the schema.
Knows no tool and no markup but `</parameter>`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mimo.calls.base import WHITE_SPACE, has_ref, within
from mimo.calls.mimo.texts import END, text
from mimo.contract.errors import InvalidRequest, shown
from mimo.contract.json_schema.references import TYPES, Schema, resolved
from mimo.contract.json_schema.schema import ANNOTATIONS
from mimo.contract.json_schema.types import SchemaTypes, types_of_values

_INTEGER, _NUMBER = r"-?(0|[1-9][0-9]*)", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_PLAIN = {"null": "null", "boolean": "true|false", "integer": _INTEGER, "number": _NUMBER}
_READ_AS = {**_PLAIN, "null": "null|None", "boolean": "true|false|True|False", "integer": _NUMBER}
_BEGINS = {"array": r"\[", "object": r"\{", "integer": "[-0-9]", "number": "[-0-9]"}
_NUMERIC = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_PLACE = "/$defs/root"
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
    """Rules for parts of `root`, the schema of all arguments. `left_out`: where the paths of rules go that cannot
    be enforced; None: they are refused."""

    def __init__(self, root: Schema, left_out: list[str] | None = None) -> None:
        self._root = root
        self._left_out = left_out
        self._types = SchemaTypes(root)
        self._moved = ""  # the root as JSON, for a document that holds it at _PLACE; made when a reference comes
        self._root_names_end = False

    def rules(self, schema: object, rule: str, path: str) -> list[str]:
        """Lark rules, the first one named `rule`, of a value that fits `schema`. Raises `InvalidRequest`."""
        if self._names_end(schema):
            raise InvalidRequest(f"{path}: {shown(END)} cannot be written within a value of a call", param=path)
        if "string" not in self._types.of(schema):
            return [f'{rule}: {rule}_json "{END}"', f"{rule}_json: {self._json([schema])}"]
        parts = _Parts()
        self._collect(schema, path, parts)
        taken = [_READ_AS[kind] for kind in _PLAIN if kind in parts.kinds]
        first = {_BEGINS[kind] for part in parts.json for kind in self._types.of(part) if kind in _BEGINS}
        taken += [f"{begin}(?s:.*)" for begin in sorted(first)]
        without = f" & ~/{'|'.join(taken)}/" if taken else ""
        texts = [f"( {one}{without} )" for one in parts.texts]
        terminal = rule.upper()
        rules = [f'{terminal}: ( {" | ".join([*parts.named, *parts.plain, *texts])} ) "{END}"']
        if not parts.json:
            return [f"{rule}: {terminal}", *rules]
        return [f'{rule}: {terminal} | {rule}_json "{END}"', *rules, f"{rule}_json: {self._json(parts.json)}"]

    def _json(self, schemas: Sequence[object]) -> str:
        """The schema of any of `schemas`, as a rule; with references as a document of its own that holds the root."""
        schema: object = schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
        fields: Schema = schema if isinstance(schema, Mapping) else {}
        if not has_ref(schema):
            return f"%json {json.dumps({**fields, 'x-guidance': WHITE_SPACE})}"
        moved = within({key: part for key, part in fields.items() if key != "$defs"}, _PLACE)
        assert isinstance(moved, dict)
        self._move_root()
        head = json.dumps({**moved, "x-guidance": WHITE_SPACE})
        return f'%json {head[:-1]}, "$defs": {{"root": {self._moved}}}}}'

    def _names_end(self, schema: object) -> bool:
        """Whether a value of `schema` may have to hold the end of a value."""
        if _names_end(schema):
            return True
        if not has_ref(schema):
            return False
        self._move_root()
        return self._root_names_end

    def _move_root(self) -> None:
        if not self._moved:
            self._moved = json.dumps(within(self._root, _PLACE))
            self._root_names_end = _names_end(self._root)

    def _collect(self, schema: object, path: str, parts: _Parts) -> None:
        """Take `schema` apart, and all it is made of, in their order; each reference once."""
        seen: set[str] = set()
        waiting = [(schema, path)]
        while waiting:
            part, where = waiting.pop()
            if part is False:
                continue
            fields: Schema = part if isinstance(part, Mapping) else {}
            rules = {key for key in fields if key not in ANNOTATIONS and key not in ("$defs", "definitions")}
            if "string" not in self._types.of(part):
                self._collect_json(fields, parts)
            elif joins := [key for key in ("$ref", "anyOf", "oneOf", "allOf") if key in rules]:
                several = len(rules) > 1 or ("allOf" in joins and len(_list(fields["allOf"])) > 1)
                if several and self._left_out is not None:
                    waiting.append((self._less(fields, rules, joins, where), where))
                else:
                    waiting += reversed(self._made_of(fields, rules, where, seen))
            elif "enum" in fields or "const" in fields:
                self._collect_named(fields, parts)
            else:
                self._collect_typed(fields, where, parts)

    def _less(self, fields: Schema, rules: set[str], joins: Sequence[str], path: str) -> Schema:
        """`fields` with fewer rules at once: a reference alone, else the rules without combinations; of combinations
        alone the first, of `allOf` its first part."""
        assert self._left_out is not None
        if len(rules) > 1:
            dropped = [key for key in fields if key in rules and key != "$ref"] if "$ref" in rules else list(joins)
            if len(dropped) == len(rules):
                del dropped[0]
            self._left_out += [f"{path}.{key}" for key in dropped]
            return {key: value for key, value in fields.items() if key not in dropped}
        first, *others = _list(fields["allOf"])
        self._left_out += [f"{path}.allOf[{at}]" for at in range(1, len(others) + 1)]
        return {**fields, "allOf": [first]}

    def _made_of(self, fields: Schema, rules: set[str], path: str, seen: set[str]) -> list[tuple[object, str]]:
        """What a schema is made of, with paths. With further rules of its own it cannot be taken apart."""
        keyword = next(key for key in ("$ref", "anyOf", "oneOf", "allOf") if key in rules)
        inner = fields[keyword] if isinstance(fields[keyword], list) else [fields[keyword]]
        assert isinstance(inner, list)
        if len(rules) > 1 or (keyword == "allOf" and len(inner) > 1):
            raise InvalidRequest(
                f"{path}: {keyword} next to other rules is not supported where a string is possible",
                param=f"{path}.{keyword}",
            )
        if keyword == "$ref":
            ref = str(fields["$ref"])
            found = [] if ref in seen else [(resolved(self._root, ref), path)]
            seen.add(ref)
            return found
        if keyword == "oneOf" and sum("string" in self._types.of(part) for part in inner) > 1:
            if self._left_out is not None:
                self._left_out.append(f"{path}.oneOf")
                return [(part, f"{path}.oneOf[{at}]") for at, part in enumerate(inner)]
            raise InvalidRequest(f"{path}: oneOf of several strings is not supported; use anyOf", param=f"{path}.oneOf")
        return [(part, f"{path}.{keyword}[{at}]") for at, part in enumerate(inner)]

    def _collect_named(self, fields: Schema, parts: _Parts) -> None:
        values = fields.get("enum", [fields.get("const")])
        assert isinstance(values, list)
        types = self._types.of(fields)
        for value in values:
            if isinstance(value, str):
                if _fits(value, fields):
                    parts.named.append(json.dumps(value, ensure_ascii=False) if value else "/()/")
            elif types & types_of_values([value]):
                parts.plain.append(json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False))
                parts.kinds |= types_of_values([value]) & set(_PLAIN)

    def _collect_json(self, fields: Schema, parts: _Parts) -> None:
        if "enum" in fields or "const" in fields:
            self._collect_named(fields, parts)
            return
        types = self._types.of(fields)
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
        types = self._types.of(fields) - {"string"}
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


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


def _fits(value: str, fields: Schema) -> bool:
    least, most = fields.get("minLength", 0), fields.get("maxLength", len(value))
    return isinstance(least, int | float) and isinstance(most, int | float) and least <= len(value) <= most
