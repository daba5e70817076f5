"""The operator's own models: `[[models]]` with `id`, `like` and any field of a row, and `[aliases]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec

from mimo.config.file import Place
from mimo.config.settings import ConfigError, Settings
from mimo.contract.errors import NotFound, shown
from mimo.contract.models import (
    MODELS,
    MOST_PER_MILLION,
    MOST_PER_MINUTE,
    Modality,
    Model,
    Price,
    alias,
    find_model,
    with_models,
)

_LIKE = "mimo-v2-flash"
"""The model that a row takes its fields from if it names none and has a new id."""
_FIXED = {
    "table": "the parameters are those of the contract",
    "parameters": "the parameters are those of the contract",
    "alias_of": "[aliases] makes aliases",
}
_KINDS = {
    int: "a whole number",
    bool: "true or false",
    tuple[Modality, ...]: f"a list of some of {', '.join(get_args(Modality))}",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in the settings, and where."""

    place: Place
    words: str


def model_rows(settings: Settings) -> Mapping[str, Model]:
    """The contract's models, the operator's own and the aliases. Raises `ConfigError`."""
    rows, mistakes = own_models(settings)
    if mistakes:
        raise ConfigError(mistakes[0].words)
    return rows


def own_models(settings: Settings) -> tuple[Mapping[str, Model], list[Mistake]]:
    """The same, without the rows that cannot be used, and what is wrong with those."""
    rows, mistakes = MODELS, []
    for number, row in enumerate(settings.models):
        if wrong := list(_wrong(row, ("models", number), rows)):
            mistakes += wrong
            continue
        base = find_model(str(row.get("like", row["id"] if row["id"] in rows else _LIKE)), rows)
        changes = {name: _made(name, value) for name, value in row.items() if name not in ("id", "like")}
        rows = with_models([replace(base, id=row["id"], alias_of="", **changes)], rows)
    for name, target in settings.aliases.items():
        if not name.isprintable():
            mistakes.append(Mistake(("aliases", name), f"aliases: {name!r} must be printable characters"))
            continue
        try:
            rows = with_models([alias(name, target, rows)], rows)
        except NotFound as problem:
            mistakes.append(Mistake(("aliases", name), f"aliases: {name}: {problem.message}"))
    return rows, mistakes


def _wrong(row: Mapping[str, Any], place: Place, rows: Mapping[str, Model]) -> Iterator[Mistake]:
    """The mistakes of one row of `[[models]]`."""
    if not row.get("id") or not isinstance(row["id"], str) or not row["id"].isprintable():
        yield Mistake(place, f"models: a row needs an id, a text of printable characters; got {shown(row.get('id'))}")
    if (like := row.get("like", _LIKE)) not in rows:
        yield Mistake((*place, "like"), f"models: like must be one of {', '.join(rows)}, got {shown(like)}")
    for name in row.keys() - {"id", "like"}:
        at = (*place, name)
        if name in _FIXED:
            yield Mistake(at, f"models: {name} cannot be set: {_FIXED[name]}")
        elif name not in _types():
            yield Mistake(at, f"models: there is no field {name}; those there are: id, like, {', '.join(_types())}")
        else:
            try:
                _made(name, row[name])
            except ValueError as problem:
                yield Mistake(at, f"models: {name}: {problem}")


def _made(name: str, value: Any) -> Any:
    """`value` as the type of a field of `Model`. Raises `ValueError`."""
    try:
        made = msgspec.convert(value, _types()[name])
    except msgspec.ValidationError as problem:
        words = _KINDS.get(_types()[name])
        raise ValueError(f"must be {words}, got {shown(value)}" if words else str(problem)) from None
    if name.endswith("_per_minute") and not 1 <= made <= MOST_PER_MINUTE:
        raise ValueError(f"must be between 1 and {MOST_PER_MINUTE:,}, got {made}")
    if isinstance(made, int) and made < 0:
        raise ValueError(f"must not be negative, got {made}")
    names = {field.name for field in fields(Price)}
    for price in value if name == "prices" else ():
        if unknown := set(price) - names:
            raise ValueError(f"there is no {unknown.pop()} in a price; it has {', '.join(sorted(names))}")
    for price in made if name == "prices" else ():
        if not all(0 <= usd <= MOST_PER_MILLION for usd in (price.input, price.cached_input, price.output)):
            raise ValueError(f"a price must be between 0 and {MOST_PER_MILLION:,} USD per million tokens, got {price}")
    return made


@cache
def _types() -> Mapping[str, Any]:
    """The fields of a model that an operator may set, and their types."""
    hints = get_type_hints(Model)
    return {row.name: hints[row.name] for row in fields(Model) if row.init and row.name not in ("id", *_FIXED)}
