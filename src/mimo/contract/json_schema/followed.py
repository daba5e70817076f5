"""The part of a schema that decoding can follow: annotations go without a word, other rules are listed by their path.

What is left asks for less than the whole. Knows no tool and no 400.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mimo.contract.json_schema.exact import is_exact
from mimo.contract.json_schema.references import Schema
from mimo.contract.json_schema.schema import BOUNDS, FORMATS, SUPPORTED, with_inner

_OPENAPI = frozenset({"example", "discriminator", "xml", "externalDocs"})
_NUMERIC_FORMATS = frozenset(
    {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double"}
)
_UNKNOWN_PATTERN = re.compile(r"\(\?<?[=!]|\\[1-9bB]")
"""What the grammar library has no automaton for: looking around, repeating what was found, edges of words."""


def followed(schema: Schema, path: str, left_out: list[str] | None = None) -> Schema:
    """`schema`, well formed, without annotations of OpenAPI's; with `left_out` also without the rules that cannot be
    followed, whose paths are added there."""

    def part(inner: object, where: str) -> object:
        return followed(inner, where, left_out) if isinstance(inner, Mapping) else inner

    found: dict[str, object] = {}
    for keyword, value in schema.items():
        where = f"{path}.{keyword[:64]}"
        if _says_nothing(keyword, value):
            continue
        if left_out is not None and not _can_follow(keyword, value):
            left_out.append(where)
            continue
        found[keyword] = with_inner(keyword, value, part, where)
    return found


def _says_nothing(keyword: str, value: object) -> bool:
    return (
        keyword in _OPENAPI
        or (keyword in ("uniqueItems", "nullable") and value is False)
        or (keyword == "format" and isinstance(value, str) and value in _NUMERIC_FORMATS)
    )


def _can_follow(keyword: str, value: object) -> bool:
    match keyword:
        case "format":
            return value in FORMATS
        case "pattern":
            return isinstance(value, str) and not _UNKNOWN_PATTERN.search(value)
    if keyword in BOUNDS or keyword in ("const", "enum"):
        return is_exact(value)
    return keyword in SUPPORTED or keyword.startswith("x-")
