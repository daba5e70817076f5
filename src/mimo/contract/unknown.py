"""Members of a request that nobody knows, at any depth, each by its path with the nearest name that is known there.

They are accepted and reported, or refused where the operator is strict. What is known is said by a JSON Schema: an
object that lists `properties` knows those, one that lists none may hold anything.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import NamedTuple

from mimo.contract.errors import InvalidRequest

_NEAREST = 20
"""Reports that look for the nearest known name, which takes time."""
_INSIDE = 20
"""Reports from within the members of one request."""
_NAME = 64
"""Characters of a member's name that are repeated."""


class _Unknown(NamedTuple):
    path: str
    name: str
    known: Collection[str]


def unknown_members(fields: Mapping[str, object], known: Mapping[str, object], *, strict: bool = False) -> list[str]:
    """A report for each unknown member of a request: its path, and `; did you mean NAME?` where a known name is near.

    `known`: the fields of the request, each with its JSON Schema ({}: it may hold anything). `strict` raises
    `InvalidRequest` for the first instead.
    """
    deep = [name for name, value in fields.items() if known.get(name) and isinstance(value, (dict, list))]
    if not deep and fields.keys() <= known.keys():
        return []
    inside = (found for name in deep for found in _inside(fields[name], [known[name]], name))
    reports: list[str] = []
    for found in chain(_of_object(fields, known, ""), islice(inside, _INSIDE)):
        near = difflib.get_close_matches(found.name, found.known, n=1, cutoff=0.75) if len(reports) < _NEAREST else []
        reports.append(f"{found.path}; did you mean {near[0]}?" if near else found.path)
        if strict:
            raise InvalidRequest(f"unknown field {reports[0]!r}", param=found.path)
    return reports


def _of_object(value: Mapping[str, object], known: Collection[str], path: str) -> Iterator[_Unknown]:
    return (_Unknown(f"{path}{name[:_NAME]}", name[:_NAME], known) for name in value if name not in known)


def _inside(value: object, shapes: list[object], path: str) -> Iterator[_Unknown]:
    """What is unknown in `value`, which may have any of these shapes."""
    alternatives = list(_alternatives(shapes))
    if isinstance(value, list):
        items = [shape["items"] for shape in alternatives if "items" in shape]
        for at, item in enumerate(value if items else ()):
            yield from _inside(item, items, f"{path}[{at}]")
    elif isinstance(value, dict):
        known: dict[str, list[object]] = {}
        for shape in alternatives:
            properties = shape.get("properties")
            for name, inner in properties.items() if isinstance(properties, Mapping) else ():
                known.setdefault(name, []).append(inner)
        yield from _of_object(value, known, f"{path}.") if known else ()
        for name, inner in known.items():
            yield from _inside(value.get(name), inner, f"{path}.{name}")


def _alternatives(shapes: Iterable[object]) -> Iterator[Mapping[str, object]]:
    for shape in shapes:
        if isinstance(shape, Mapping):
            among = shape.get("anyOf")
            yield from _alternatives(among) if isinstance(among, list) else (shape,)
