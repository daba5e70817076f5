"""A schema whose objects hold the properties it names and no others: what a small model should write.

JSON Schema allows any other property where `additionalProperties` is not said, and a small model then invents some.
Whatever fits the closed schema fits the whole one. An object stays open where it says so (`additionalProperties:
true`), where it names none or requires one that it does not name, and where other schemas speak of the same value
(`allOf`, `oneOf`, a combination and other rules): closed there, they might exclude each other. Knows no grammar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mimo.contract.json_schema.references import Schema, resolved
from mimo.contract.json_schema.schema import ANNOTATIONS, with_inner

_JOINS = frozenset({"anyOf", "oneOf", "allOf", "$ref"})
_PLACES = frozenset({"$defs", "definitions"})


def closed(root: Schema) -> Schema:
    """`root`, closed where that keeps its meaning for the reader of the value."""
    made = _closed(root, _shared(root))
    assert isinstance(made, Mapping)
    return made


def _shared(root: Schema) -> set[int]:
    """The schemas (by id) that speak of a value together with others, by way of references too."""
    shared: set[int] = set()
    seen: set[tuple[int, bool]] = set()
    waiting: list[tuple[object, bool]] = [(root, False)]
    while waiting:
        part, among = waiting.pop()
        if not isinstance(part, Mapping) or (id(part), among) in seen:
            continue
        seen.add((id(part), among))
        several = among or _joins_several(part)
        if several:
            shared.add(id(part))
        waiting += ((inner, several and keyword not in _PLACES) for keyword, inner in _inner(part))
        if "$ref" in part:
            waiting.append((resolved(root, str(part["$ref"])), several))
    return shared


def _joins_several(schema: Schema) -> bool:
    """Whether several schemas in `schema` speak of its value."""
    rules = schema.keys() - ANNOTATIONS - _PLACES
    return bool(rules & {"allOf", "oneOf"}) or (bool(rules & _JOINS) and len(rules) > 1)


def _inner(schema: Schema) -> Iterator[tuple[str, object]]:
    """The schemas in a schema, each with the keyword that holds it."""
    found: list[object] = []
    for keyword, value in schema.items():
        with_inner(keyword, value, lambda part, _: found.append(part))
        yield from ((keyword, part) for part in found)
        found.clear()


def _closed(schema: object, shared: set[int]) -> object:
    if not isinstance(schema, Mapping):
        return schema
    made = {
        keyword: with_inner(keyword, value, lambda part, _: _closed(part, shared)) for keyword, value in schema.items()
    }
    if id(schema) not in shared and _can_close(schema):
        made["additionalProperties"] = False
    return made


def _can_close(schema: Schema) -> bool:
    properties, required = schema.get("properties"), schema.get("required", ())
    if not properties or not isinstance(properties, Mapping) or not isinstance(required, list | tuple):
        return False
    if "additionalProperties" in schema or "patternProperties" in schema:
        return False
    least = schema.get("minProperties", 0)
    possible = sum(part is not False for part in properties.values())
    return set(required) <= properties.keys() and isinstance(least, int) and least <= possible
