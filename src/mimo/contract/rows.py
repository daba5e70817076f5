"""What a row of the parameters table is, and a constructor for each kind of value.

One call gives the check of a value, its bounds, its JSON Schema and its type in words. A bound or a default that models
state for themselves is an `OfModel`; `Parameter.of` puts a model's own in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from mimo.contract import checks

Status = Literal["documented", "reference", "client", "addition"]
Schema = Mapping[str, object]


class Named(Protocol):
    """A row of the models table, of which the fields that an `OfModel` names are read too."""

    @property
    def id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class OfModel:
    """The value of this field of a model's row; `words` say so to a person, `form` is how it is published."""

    field: str
    words: str
    form: Callable[[Any], object] = lambda value: value

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One row: what a field may hold, what it means when absent, and how to say so to a person.

    `read(row, value, path)` returns the concrete value or raises `InvalidRequest`; absent and null never reach it.
    `field`: where the value goes in `Params` (`sampling.temperature`), "" where a rule of `resolve` decides.
    `absent`: what goes there when the field is absent, if not `default`, which may be words.
    `alias_of`: the row of which this is another name. `everywhere`: a parameter under this name on every protocol.
    `flag`: offered on the command line, where it may be given `repeats` times if that is not 0. `required`: of a member
    of an object. `shape`: the JSON Schema where type and bounds do not say all; null means absent everywhere and is not
    part of it. `whose`: " for MODEL", once `of` has put bounds of that model there.
    """

    name: str
    type: str
    read: Callable[[Parameter, object, str], Any]
    description: str = ""
    tip: str = ""
    default: object = None
    absent: object = ...
    field: str = ""
    alias_of: str = ""
    minimum: float | None = None
    maximum: float | OfModel | None = None
    recommended: tuple[float | OfModel, float | OfModel] | None = None
    status: Status = "documented"
    everywhere: bool = False
    flag: bool = False
    repeats: int = 0
    required: bool = False
    shape: Schema | None = None
    whose: str = ""

    def check(self, value: object, path: str) -> Any:
        """The concrete value. Raises `InvalidRequest` naming `path`, what is allowed and what came."""
        return self.read(self, value, path)

    @property
    def without(self) -> object:
        """The concrete value of a field that is absent or null."""
        return self.default if self.absent is ... else self.absent

    def schema(self) -> dict[str, object]:
        """JSON Schema of a given value. A bound of the model's own is left out until `of` has put it there."""
        if self.shape is not None:
            return dict(self.shape)
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        return {"type": self.type, **{name: bound for name, bound in bounds.items() if isinstance(bound, int | float)}}

    def of(self, model: Named) -> Parameter:
        """This row with the model's own bounds and default."""
        own = {name: value for name in ("default", "maximum") if isinstance(value := getattr(self, name), OfModel)}
        changes: dict[str, Any] = {name: value.form(getattr(model, value.field)) for name, value in own.items()}
        if self.recommended is not None:
            ends = (getattr(model, end.field) if isinstance(end, OfModel) else end for end in self.recommended)
            changes["recommended"] = tuple(ends)
        if "maximum" in changes:
            changes["whose"] = f" for {model.id}"
        return replace(self, **changes) if changes else self


def number(name: str, minimum: float, maximum: float, **row: Any) -> Parameter:
    """A JSON number within inclusive bounds."""

    def read(row: Parameter, value: object, path: str) -> float:
        return checks.number(value, path, *_bounds(row))

    return Parameter(name=name, type="number", read=read, minimum=minimum, maximum=maximum, **row)


def integer(name: str, minimum: int, maximum: int | OfModel, **row: Any) -> Parameter:
    """A JSON integer within inclusive bounds."""

    def read(row: Parameter, value: object, path: str) -> int:
        return checks.integer(value, path, *_bounds(row), row.whose)

    return Parameter(name=name, type="integer", read=read, minimum=minimum, maximum=maximum, **row)


def boolean(name: str, **row: Any) -> Parameter:
    """`true` or `false`."""
    return Parameter(name=name, type="boolean", read=lambda row, value, path: checks.boolean(value, path), **row)


def one_of(name: str, *words: str, **row: Any) -> Parameter:
    """One of some words."""

    def read(row: Parameter, value: object, path: str) -> str:
        return checks.one_of(value, path, words)

    kind = f"string: {', '.join(words[:-1])} or {words[-1]}"
    return Parameter(name=name, type=kind, read=read, shape={"enum": list(words)}, **row)


def texts(name: str, most: int, **row: Any) -> Parameter:
    """A non-empty string, or one to `most` of them: a tuple."""

    def read(row: Parameter, value: object, path: str) -> tuple[str, ...]:
        return checks.texts(value, path, most)

    text = {"type": "string", "minLength": 1}
    shape = {"anyOf": [text, {"type": "array", "maxItems": most, "items": text}]}
    kind = f"null, string, or array of 1 to {most} non-empty strings"
    return Parameter(name=name, type=kind, read=read, shape=shape, repeats=most, **row)


def token_numbers(name: str, minimum: float, maximum: float, **row: Any) -> Parameter:
    """A number for each of some token ids: pairs (token id, number)."""

    def read(row: Parameter, value: object, path: str) -> tuple[tuple[int, float], ...]:
        return checks.token_numbers(value, path, minimum, maximum)

    shape = {
        "type": "object",
        "propertyNames": {"pattern": "^[0-9]{1,10}$"},
        "additionalProperties": {"type": "number", "minimum": minimum, "maximum": maximum},
    }
    kind = f"object: token id to number from {minimum} to {maximum}"
    return Parameter(name=name, type=kind, read=read, shape=shape, **row)


def members(name: str, *rows: Parameter, **row: Any) -> Parameter:
    """An object of which each member is a row: the concrete values by name, those that are absent left out."""

    def read(row: Parameter, value: object, path: str) -> dict[str, Any]:
        given = checks.mapping(value, path)
        wanted = (one for one in rows if one.required or given.get(one.name) is not None)
        return {one.name: one.check(given.get(one.name), f"{path}.{one.name}") for one in wanted}

    shape = object_shape({one.name: one.schema() for one in rows}, [one.name for one in rows if one.required])
    kind = f"object {{{', '.join(_member_words(one) for one in rows)}}}"
    return Parameter(name=name, type=kind, read=read, shape=shape, **row)


def shaped(name: str, type: str, read: Callable[[object, str], Any], shape: Schema, **row: Any) -> Parameter:
    """A value of a form of its own, read by `read(value, path)`."""
    return Parameter(name=name, type=type, read=lambda row, value, path: read(value, path), shape=shape, **row)


def unused(name: str, type: str, **row: Any) -> Parameter:
    """A field that is accepted whatever it holds, and changes nothing."""
    return Parameter(name=name, type=type, read=anything, **row)


def anything(row: Parameter, value: object, path: str) -> object:
    """The reader of what is accepted and unused."""
    return value


def object_shape(properties: Mapping[str, object], required: list[str]) -> dict[str, object]:
    """JSON Schema of an object of known members. Others are accepted and reported (`unknown.py`)."""
    return {"type": "object", "properties": dict(properties), "required": required}


def _bounds(row: Parameter) -> tuple[float, float]:
    low, high = row.minimum, row.maximum
    assert low is not None and isinstance(high, int | float), f"{row.name}: take the row of a model"
    return low, high


def _member_words(row: Parameter) -> str:
    kind = row.type.removeprefix("string: ") if row.required else f"{row.type.removeprefix('string: ')}, optional"
    if row.type == "integer":
        kind = kind.replace("integer", f"integer of at least {row.minimum}")
    return f'"{row.name}": {kind}'
