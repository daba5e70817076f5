"""JSON Schema as a request may hold it: what is well formed, and what decoding can enforce.

Every schema is checked for shape, so that later readers find objects where objects belong. One that
constrains the output may use those keywords of draft 2020-12 that the grammar library honours; any other is a 400 that
names it and its path: a rule that is not applied would be a promise broken in silence. Knows no grammar and no tool.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from mimo.contract.errors import InvalidRequest, shown
from mimo.contract.json_schema.exact import is_exact
from mimo.contract.json_schema.references import TYPES, Schema, endless_ref, resolved

FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri")
MAX_DEPTH = 64
"""Schemas within schemas."""
MAX_TEXT = 128 * 1024
"""Characters of JSON of one schema that constrains the output."""
MAX_NESTING = 256
"""Arrays and objects within each other in a schema that constrains the output, in `const` and such too."""

ANNOTATIONS = frozenset({
    "$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
    "contentEncoding", "contentMediaType", "contentSchema",
})  # fmt: skip
"""Keywords that say nothing about what is valid."""
LARK = "x-mimo-lark"
"""A keyword of ours: the grammar (Lark) that a string of a call must follow."""
_ONE = frozenset({"items", "additionalProperties"})
_MANY = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_RULES = frozenset({"$ref", "const", "enum", "type", "required", "pattern", "format"})
SUPPORTED = ANNOTATIONS | _ONE | _MANY | _NAMED | _RULES | _COUNTS | BOUNDS


def check_shape(schema: object, path: str) -> None:
    """Raise `InvalidRequest` naming the path of what is no schema: every one is an object or a boolean."""
    for _ in _schemas(schema, path):
        pass


def without_nulls(schema: object, depth: int = 0) -> object:
    """`schema` without the keywords whose value is null, at any depth; what is no schema as it is."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return schema
    return {
        keyword: with_inner(keyword, value, lambda part, _: without_nulls(part, depth + 1))
        for keyword, value in schema.items()
        if value is not None or keyword in ("const", "default")
    }


def with_inner(keyword: str, value: object, change: Callable[[object, str], object], path: str = "") -> object:
    """The value of a keyword, which stands at `path`, with `change(schema, path)` made of each schema in it."""
    if keyword in _ONE:
        return change(value, path)
    if keyword in _MANY and isinstance(value, list):
        return [change(part, f"{path}[{at}]") for at, part in enumerate(value)]
    if keyword in _NAMED and isinstance(value, Mapping):
        return {name: change(part, f"{path}.{name[:64]}") for name, part in value.items()}
    return value


def check_constraining(schema: Schema, path: str) -> None:
    """Raise `InvalidRequest` for what decoding cannot enforce: a keyword, a `$ref`, a format, or a size."""
    if _size(schema) > MAX_TEXT:
        _refuse(path, f"at most {MAX_TEXT} characters of JSON where it constrains the output")
    if _nested(schema) > MAX_NESTING:
        _refuse(path, f"nested at most {MAX_NESTING} deep where it constrains the output")
    refs: dict[str, str] = {}
    for part, where in _schemas(schema, path):
        for keyword, value in part.items():
            if keyword not in SUPPORTED and not keyword.startswith("x-"):
                raise InvalidRequest(
                    f"{where}: the keyword {shown(keyword)} is not supported in a schema that constrains the output",
                    param=f"{where}.{keyword[:64]}",
                )
            if keyword == "format" and value not in FORMATS:
                _refuse(f"{where}.format", f"one of {', '.join(FORMATS)}", value)
            if keyword == "enum" and not value:
                _refuse(f"{where}.enum", "an array of at least one value", value)
            if keyword in _COUNTS and not (type(value) is int and value >= 0):
                _refuse(f"{where}.{keyword}", "an integer of at least 0", value)
            if keyword in BOUNDS and (isinstance(value, bool) or not isinstance(value, int | float)):
                _refuse(f"{where}.{keyword}", "a number", value)
            if (keyword in BOUNDS or keyword in ("const", "enum")) and not is_exact(value):
                _refuse(
                    f"{where}.{keyword}", "of numbers within ±2^53, of at most 15 digits: others cannot be followed"
                )
            if keyword == "$ref":
                refs[str(value)] = f"{where}.$ref"
    if (endless := endless_ref(schema, refs)) is not None:
        _refuse(refs[endless], "a reference that can end", endless)


def _schemas(root: Any, path: str) -> Iterator[tuple[Schema, str]]:
    """Every schema in `root` that is an object, itself first, with its path; and those in places where only a `$ref`
    says that a schema is there."""
    seen: set[int] = set()
    targets: list[tuple[object, str]] = [(root, path)]
    while targets:
        target, where = targets.pop()
        if id(target) in seen:
            continue
        for part, place in _walk(target, where, root, int(target is not root)):
            seen.add(id(part))
            yield part, place
            if "$ref" in part:
                targets.append(
                    (resolved(root, str(part["$ref"])), f"{path}{str(part['$ref'])[1:65].replace('/', '.')}")
                )


def _walk(schema: object, path: str, root: object, depth: int) -> Iterator[tuple[Schema, str]]:
    """Every schema in `schema` that is an object, itself first, with its path."""
    if isinstance(schema, bool) and depth:
        return
    if not isinstance(schema, Mapping):
        _refuse(path, "a JSON Schema: an object" + (" or a boolean" if depth else ""), schema)
    if depth > MAX_DEPTH:
        _refuse(path, f"nested at most {MAX_DEPTH} deep")
    _check_keywords(schema, path, root)
    yield schema, path
    for keyword, value in schema.items():
        where = f"{path}.{keyword[:64]}"
        if keyword in _ONE:
            yield from _walk(value, where, root, depth + 1)
        elif keyword in _MANY:
            if not isinstance(value, list) or not value:
                _refuse(where, "an array of at least one schema", value)
            for at, part in enumerate(value):
                yield from _walk(part, f"{where}[{at}]", root, depth + 1)
        elif keyword in _NAMED:
            if not isinstance(value, Mapping):
                _refuse(where, "an object of schemas", value)
            for name, part in value.items():
                yield from _walk(part, f"{where}.{name[:64]}", root, depth + 1)


def _check_keywords(schema: Schema, path: str, root: object) -> None:
    kinds = schema.get("type", "object")
    for kind in kinds if isinstance(kinds, list) and kinds else [kinds]:
        if kind not in TYPES or not isinstance(kind, str):
            _refuse(f"{path}.type", f"one of {', '.join(TYPES)}, or an array of them", kinds)
    names = schema.get("required", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        _refuse(f"{path}.required", "an array of property names", names)
    if not isinstance(schema.get("enum", []), list):
        _refuse(f"{path}.enum", "an array of values", schema["enum"])
    if "$ref" in schema:
        ref = schema["$ref"]
        if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
            _refuse(f"{path}.$ref", 'a place in this schema, like "#/$defs/name"', ref)
        try:
            target = resolved(root, ref) if isinstance(root, Mapping) else None
        except KeyError:
            _refuse(f"{path}.$ref", "a place that exists in this schema", ref)
        if not isinstance(target, Mapping | bool):
            _refuse(f"{path}.$ref", "the place of a schema", ref)


def _size(value: object) -> int:
    """Characters of `value` as JSON; more than `MAX_TEXT` where it has more, or is nested too deep to write."""
    if _least_size(value) > MAX_TEXT:
        return MAX_TEXT + 1  # not written in one call of 16 MB, in which no other thread runs
    try:
        return len(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return MAX_TEXT + 1


def _least_size(value: object) -> int:
    """A lower bound on them, looked at no further than needed."""
    size, waiting = 0, [value]
    while waiting and size <= MAX_TEXT:
        part = waiting.pop()
        if isinstance(part, Mapping):
            size += max(2, 4 * len(part))  # brackets, and two characters for each colon and comma
            waiting += [*part, *part.values()]
        elif isinstance(part, list):
            size += max(2, 2 * len(part))
            waiting += part
        else:
            size += 2 + len(part) if isinstance(part, str) else 1
    return size


def _nested(value: object) -> int:
    """How deep arrays and objects lie within each other."""
    depth, level = 0, [value]
    while level := [part for part in level if isinstance(part, list | Mapping)]:
        depth += 1
        level = [inner for part in level for inner in (part.values() if isinstance(part, Mapping) else part)]
    return depth


def _refuse(path: str, allowed: str, value: object = None) -> NoReturn:
    came = f", got {shown(value)}" if value is not None else ""
    raise InvalidRequest(f"{path} must be {allowed}{came}", param=path)
