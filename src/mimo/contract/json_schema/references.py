"""The references of a JSON Schema: where they lead, and whether that can ever end. Knows no path and no 400."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

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
    """The first of `refs` that leads back to itself with no way out: no value of finite length could fit it."""
    ends = dict.fromkeys(refs, False)
    changed = True
    while changed:
        changed = False
        for ref, known in ends.items():
            if not known and _can_end(resolved(root, ref), ends):
                ends[ref] = changed = True
    return next((ref for ref, found in ends.items() if not found), None)


def _can_end(schema: object, ends: Mapping[str, bool]) -> bool:
    """Whether some finite value may fit, as far as references are known to end."""
    if not isinstance(schema, Mapping):
        return True
    if "$ref" in schema and not ends.get(str(schema["$ref"]), False):
        return False
    for keyword, enough in (("allOf", all), ("anyOf", any), ("oneOf", any)):
        parts = schema.get(keyword)
        if isinstance(parts, list) and not enough(_can_end(part, ends) for part in parts):
            return False
    kinds = schema.get("type", TYPES)
    if (
        "const" in schema
        or "enum" in schema
        or not set([kinds] if isinstance(kinds, str) else kinds) <= {"object", "array"}
    ):
        return True
    return ("object" in kinds and _object_ends(schema, ends)) or ("array" in kinds and _array_ends(schema, ends))


def _object_ends(schema: Schema, ends: Mapping[str, bool]) -> bool:
    properties = schema.get("properties", {})
    assert isinstance(properties, Mapping)
    rest = schema.get("additionalProperties", True)
    names = schema.get("required", [])
    assert isinstance(names, list)
    return all(_can_end(properties.get(name, rest), ends) for name in names)


def _array_ends(schema: Schema, ends: Mapping[str, bool]) -> bool:
    least = schema.get("minItems", 0)
    first = schema.get("prefixItems", [])
    assert isinstance(first, list)
    if not isinstance(least, int | float) or least <= 0:
        return True
    needed = [*first[: int(least)], *([schema.get("items", True)] if least > len(first) else [])]
    return all(_can_end(part, ends) for part in needed)
