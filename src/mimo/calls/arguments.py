"""One value of a call as the model wrote it → JSON text, by the schema that declares it.

1. declared a string and nothing else: the text as it is, `null` and `True` too
2. an `enum` or `const` that holds the text: that string
3. else JSON, with `True`, `False` and `None` as Python spells them; kept as written, so no digit of a number is lost
4. what is no JSON, and JSON of a type that is not declared where a string is: the text as a string

Knows no markup. What is returned is always valid JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

import msgspec

from mimo.contract.json_schema.references import TYPES, Schema, resolved

_PYTHON = {"True": "true", "False": "false", "None": "null"}


def typed(text: str, schema: object, root: Schema) -> str:
    """The JSON of `text` under `schema`, a part of `root` (the schema of all arguments)."""
    types = types_of(schema, root)
    if types == {"string"} or text in _named(schema, root):
        return quoted(text)
    strict = "string" in types  # then white space around a number makes it a text
    written = text if strict else text.strip(" \t\r\n")
    written = _PYTHON.get(written, written)
    kind = json_type(written)
    if kind is None or (strict and kind not in types and not (kind == "integer" and "number" in types)):
        return quoted(text)
    return written


def quoted(text: str) -> str:
    """`text` as a JSON string."""
    return json.dumps(text, ensure_ascii=False)


def json_type(written: str) -> str | None:
    """The JSON Schema type of a JSON text with no white space around it, or None if it is no JSON."""
    if written != written.strip(" \t\r\n"):
        return None
    try:
        value = msgspec.json.decode(written)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def types_of(schema: object, root: Schema, known: dict[str, set[str]] | None = None) -> set[str]:
    """The JSON types a value of `schema` may have; all of them where it does not say. `known`: of references so far."""
    if not isinstance(schema, Mapping):
        return set(TYPES)
    known = {} if known is None else known
    kinds = schema.get("type", TYPES)
    types: set[str] = {kinds} if isinstance(kinds, str) else set(cast(list[str], kinds))
    if "$ref" in schema:
        ref = str(schema["$ref"])
        if ref not in known:
            known[ref] = set()  # while it is looked into: a reference to itself adds nothing
            known[ref] = types_of(_target(root, ref), root, known)
        types &= known[ref]
    for keyword in ("anyOf", "oneOf", "allOf"):
        if isinstance(parts := schema.get(keyword), list) and parts:
            each = [types_of(part, root, known) for part in parts]
            types &= each[0].intersection(*each[1:]) if keyword == "allOf" else each[0].union(*each[1:])
    for values in (schema.get("enum"), [schema["const"]] if "const" in schema else None):
        if isinstance(values, list):
            types &= {_type_of(value) for value in values} | ({"number"} if any(map(_is_number, values)) else set())
    return types


def _named(schema: object, root: Schema) -> set[str]:
    """The strings that `schema` names."""
    if not isinstance(schema, Mapping):
        return set()
    if "$ref" in schema and "enum" not in schema:
        schema = _target(root, schema["$ref"])
    if not isinstance(schema, Mapping):
        return set()
    values = schema.get("enum", [])
    values = [*(values if isinstance(values, list) else []), schema.get("const")]
    return {value for value in values if isinstance(value, str)}


def _target(root: Schema, ref: object) -> object:
    try:
        return resolved(root, str(ref))
    except KeyError:
        return True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _type_of(value: object) -> str:
    return json_type(json.dumps(value, ensure_ascii=True)) or "null"
