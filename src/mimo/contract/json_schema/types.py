"""The JSON types that a value of a schema may have. Knows no path and no 400."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from mimo.contract.json_schema.follow import Facts
from mimo.contract.json_schema.references import TYPES, Schema, resolved

_JOINS = ("anyOf", "oneOf", "allOf")


class SchemaTypes:
    """Types of the parts of `root`. Each reference is looked into once, so that all of them together cost no more
    than the schema is long."""

    def __init__(self, root: Schema) -> None:
        self.root = root
        self._known: dict[str, frozenset[str]] = {}

    def of(self, schema: object) -> set[str]:
        """The types a value of `schema` may have; all of them where it does not say."""
        if not isinstance(schema, Mapping):
            return set() if schema is False else set(TYPES)
        types = _own(schema)
        if "$ref" in schema:
            ref = str(schema["$ref"])
            if ref not in self._known:
                self._solve(ref)
            types &= self._known[ref]
        for keyword in _JOINS:
            if isinstance(parts := schema.get(keyword), list) and parts:
                each = [self.of(part) for part in parts]
                types &= each[0].intersection(*each[1:]) if keyword == "allOf" else each[0].union(*each[1:])
        return types

    def target(self, ref: str) -> object:
        """What `ref` points to; the schema of everything, if there is nothing."""
        try:
            return resolved(self.root, ref)
        except KeyError:
            return True

    def _solve(self, ref: str) -> None:
        """Find the types of `ref` and of all it leads to: some may lead back to it."""
        targets = {ref: self.target(ref)}
        waiting = [ref]
        while waiting:
            for other in _refs(targets[waiting.pop()]):
                if other not in targets and other not in self._known:
                    targets[other] = self.target(other)
                    waiting.append(other)
        facts = Facts()
        possible = {(name, kind): facts.any_of() for name in targets for kind in TYPES}
        for (name, kind), fact in possible.items():
            facts.or_if(fact, self._possible(targets[name], kind, facts, possible))
        holding = facts.holding()
        for name in targets:
            self._known[name] = frozenset(kind for kind in TYPES if possible[name, kind] in holding)

    def _possible(self, schema: object, kind: str, facts: Facts, refs: Mapping[tuple[str, str], int]) -> int:
        """The fact that a value of `schema` may be of type `kind`; `refs`: those of references not known yet."""
        if not isinstance(schema, Mapping):
            return facts.any_of() if schema is False else facts.all_of()
        conditions: list[int] = [] if kind in _own(schema) else [facts.any_of()]
        if "$ref" in schema:
            ref = str(schema["$ref"])
            known = facts.all_of if kind in self._known.get(ref, ()) else facts.any_of
            conditions.append(refs[ref, kind] if (ref, kind) in refs else known())
        for keyword in _JOINS:
            if isinstance(parts := schema.get(keyword), list) and parts:
                join = facts.all_of if keyword == "allOf" else facts.any_of
                conditions.append(join(self._possible(part, kind, facts, refs) for part in parts))
        return facts.all_of(conditions)


def _refs(schema: object) -> Iterator[str]:
    """The references that say of what type a value of `schema` is."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield str(schema["$ref"])
        for keyword in _JOINS:
            if isinstance(parts := schema.get(keyword), list):
                for part in parts:
                    yield from _refs(part)


def _own(schema: Schema) -> set[str]:
    """The types that `schema` allows by its own `type`, `enum` and `const`."""
    kinds = schema.get("type", TYPES)
    types: set[str] = {kinds} if isinstance(kinds, str) else set(cast(list[str], kinds))
    for values in (schema.get("enum"), [schema["const"]] if "const" in schema else None):
        if isinstance(values, list):
            types &= types_of_values(values)
    return types


def types_of_values(values: Iterable[object]) -> set[str]:
    """The types of `values`, as JSON has them; an integer is a number too."""
    found = set(map(type_of, values))
    return found | {"number"} if "integer" in found else found


def type_of(value: object) -> str:
    """The JSON Schema type of a JSON value, the narrowest: 1.0 is an integer."""
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
