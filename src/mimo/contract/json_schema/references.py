"""The references of a JSON Schema: where they lead, and whether that can ever end. Knows no path and no 400."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from mimo.contract.json_schema.follow import Facts

Schema = Mapping[str, object]

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


def resolved(root: Schema, ref: str) -> object:
    """What a local `$ref` (`#`, `#/$defs/a`) points to. Raises KeyError when there is nothing."""
    found: object = root
    for part in unquote(ref).split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found[part]
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            raise KeyError(ref)
    return found


def endless_ref(root: Schema, refs: Iterable[str]) -> str | None:
    """The first of `refs` that leads back to itself with no way out: no value of finite length could fit it.

    `refs` are all that `root` holds. Takes time in proportion to the schema, whatever refers to what.
    """
    facts = Facts()
    ends = {ref: facts.any_of() for ref in refs}
    finite = _Finite(facts, ends)
    for ref, fact in ends.items():
        facts.or_if(fact, finite.schema(resolved(root, ref)))
    holding = facts.holding()
    return next((ref for ref, fact in ends.items() if fact not in holding), None)


class _Finite:
    """For a schema the fact that some finite value may fit it; `ends`: those of its references."""

    def __init__(self, facts: Facts, ends: Mapping[str, int]) -> None:
        self._facts = facts
        self._ends = ends
        self._known: dict[int, int] = {}  # by id(): several references may lead to the same schema

    def schema(self, schema: object) -> int:
        """The fact of `schema`."""
        if id(schema) not in self._known:
            self._known[id(schema)] = self._facts.all_of(self._conditions(schema))
        return self._known[id(schema)]

    def _conditions(self, schema: object) -> Iterable[int]:
        if not isinstance(schema, Mapping):
            return
        if "$ref" in schema:
            yield self._ends[str(schema["$ref"])]
        for keyword, join in (
            ("allOf", self._facts.all_of),
            ("anyOf", self._facts.any_of),
            ("oneOf", self._facts.any_of),
        ):
            if isinstance(parts := schema.get(keyword), list):
                yield join(map(self.schema, parts))
        kinds = schema.get("type", TYPES)
        types = {kinds} if isinstance(kinds, str) else set(kinds)
        if "const" not in schema and "enum" not in schema and types <= {"object", "array"}:
            ways = {"object": self._object, "array": self._array}
            yield self._facts.any_of(ways[kind](schema) for kind in sorted(types))

    def _object(self, schema: Schema) -> int:
        properties = schema.get("properties", {})
        assert isinstance(properties, Mapping)
        rest = schema.get("additionalProperties", True)
        names = schema.get("required", [])
        assert isinstance(names, list)
        return self._facts.all_of(self.schema(properties.get(name, rest)) for name in names)

    def _array(self, schema: Schema) -> int:
        least = schema.get("minItems", 0)
        first = schema.get("prefixItems", [])
        assert isinstance(first, list)
        if not isinstance(least, int | float) or least <= 0:
            return self._facts.all_of()
        needed = [*first[: int(least)], *([schema.get("items", True)] if least > len(first) else [])]
        return self._facts.all_of(map(self.schema, needed))
