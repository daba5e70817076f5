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

import msgspec

from mimo.contract.json_schema.types import SchemaTypes, type_of

_PYTHON = {"True": "true", "False": "false", "None": "null"}


def typed(text: str, schema: object, within: SchemaTypes) -> str:
    """The JSON of `text` under `schema`, a part of the schema of all arguments, whose types are `within`."""
    types = within.of(schema)
    if types == {"string"} or _names(schema, within, text):
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
        return type_of(msgspec.json.decode(written))
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None


def _names(schema: object, types: SchemaTypes, text: str) -> bool:
    """Whether `text` is one of the strings that `schema` names."""
    if isinstance(schema, Mapping) and "$ref" in schema and "enum" not in schema:
        schema = types.target(str(schema["$ref"]))
    if not isinstance(schema, Mapping):
        return False
    values = schema.get("enum")
    return (isinstance(values, list) and text in values) or schema.get("const") == text
