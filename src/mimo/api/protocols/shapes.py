"""Shapes: what a client may send, written once as a table that reads a value and prints its JSON Schema.

A shape's `read` gives what its `build` makes of the value, or raises "PATH must be WHAT IS ALLOWED, got WHAT CAME". A
member that nobody knows is reported by its path, at any depth. Knows no protocol.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mimo.api.protocols.schema import Schema, any_of, array, obj
from mimo.contract import checks
from mimo.contract.checks import refuse
from mimo.contract.errors import InvalidRequest
from mimo.contract.models import Model

T = TypeVar("T")


@dataclass(slots=True)
class Reading:
    """One request while it is read. `urls`: media may be named by URL. `ignored`: paths of members that nobody knows.
    `calls`: ids of the calls so far. `media`: how many there are so far. `notices`: worth telling the client."""

    model: Model
    urls: bool = False
    ignored: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    functions: dict[str, str] = field(default_factory=dict)
    """Of calls in OpenAI's older form, which have no ids: the one that the latest call of each function was given."""
    media: int = 0
    tools: list[tuple[object, str]] = field(default_factory=list)
    """Tools among the messages, with their paths: not read yet."""
    missing_reasoning: dict[str, str] = field(default_factory=dict)
    """For `reasoning_notices`: the turns that call tools and bring no reasoning back."""


class Shape(ABC, Generic[T]):
    """One value."""

    required = True
    """Whether an object that has it as a member must hold it."""

    @abstractmethod
    def read(self, value: object, path: str, reading: Reading) -> T:
        """What `value`, which stands at `path`, means. Raises `InvalidRequest`; absent is None."""

    @abstractmethod
    def schema(self) -> Schema:
        """Its JSON Schema."""


@dataclass(frozen=True, slots=True)
class Text(Shape[str]):
    """A string of at least `least` characters."""

    allowed: str = "a string"
    least: int = 0
    described: Schema = field(default_factory=dict)

    def read(self, value: object, path: str, reading: Reading) -> str:
        if not isinstance(value, str) or len(value) < self.least:
            refuse(path, self.allowed, value)
        return value

    def schema(self) -> Schema:
        return {"type": "string", **({"minLength": self.least} if self.least else {}), **self.described}


@dataclass(frozen=True, slots=True)
class Constant(Shape[str]):
    """This one string; absent means it too."""

    value: str

    def read(self, value: object, path: str, reading: Reading) -> str:
        if value is not None and value != self.value:
            refuse(path, self.value, value)
        return self.value

    def schema(self) -> Schema:
        return {"const": self.value}


@dataclass(frozen=True, slots=True)
class Checked(Shape[Any]):
    """Whatever passes `check(value, path)`, which gives the value in our form."""

    check: Callable[[object, str], Any]
    described: Schema

    def read(self, value: object, path: str, reading: Reading) -> Any:
        return self.check(value, path)

    def schema(self) -> Schema:
        return self.described


FLAG = Checked(checks.boolean, {"type": "boolean"})


@dataclass(frozen=True, slots=True)
class Unused(Shape[None]):
    """Known and without effect here. `only`: any other value than this one is reported."""

    only: str | None = None
    required = False

    def read(self, value: object, path: str, reading: Reading) -> None:
        if self.only is not None and value not in (None, self.only):
            reading.ignored.append(path)

    def schema(self) -> Schema:
        return {} if self.only is None else {"const": self.only}


@dataclass(frozen=True, slots=True)
class LeftOut(Shape[None]):
    """Known, and nothing that can be done here: left out and reported."""

    def read(self, value: object, path: str, reading: Reading) -> None:
        reading.ignored.append(path)

    def schema(self) -> Schema:
        return {}


@dataclass(frozen=True, slots=True)
class Refused(Shape[None]):
    """What is known and cannot be taken: the `error` is the path followed by `words`, which say what to do."""

    error: type[InvalidRequest]
    words: str

    def read(self, value: object, path: str, reading: Reading) -> None:
        raise self.error(f"{path}{self.words}", param=path)

    def schema(self) -> Schema:
        return {}


@dataclass(frozen=True, slots=True)
class Optional(Shape[T | None]):
    """`shape`, or nothing: absent and null are the same."""

    shape: Shape[T]
    required = False

    def read(self, value: object, path: str, reading: Reading) -> T | None:
        return None if value is None else self.shape.read(value, path, reading)

    def schema(self) -> Schema:
        return any_of(self.shape.schema(), {"type": "null"})


@dataclass(frozen=True, slots=True)
class Object(Shape[Any]):
    """An object of `members`. `build(members, path, reading)` makes the value of what was read of them, all of which
    are there; without it that is the value. `before`: called ahead, with the path."""

    members: Mapping[str, Shape[Any]]
    allowed: str = "an object"
    build: Callable[[dict[str, Any], str, Reading], Any] | None = None
    before: Callable[[str, Reading], None] | None = None

    def read(self, value: object, path: str, reading: Reading) -> Any:
        if self.before is not None:
            self.before(path, reading)
        if not isinstance(value, dict):
            refuse(path, self.allowed, value)
        if not value.keys() <= self.members.keys():
            unknown = [name for name in value if name not in self.members]
            empty: tuple[object, ...] = (None, [])  # how clients say "not there"
            reading.ignored += [f"{path}.{name[:64]}" for name in unknown if value[name] not in empty]
        found: dict[str, Any] = {}
        for name, shape in self.members.items():
            given = value.get(name)
            absent = given is None and not shape.required
            found[name] = None if absent else shape.read(given, f"{path}.{name}", reading)
        return found if self.build is None else self.build(found, path, reading)

    def schema(self) -> Schema:
        shown = {name: shape for name, shape in self.members.items() if shape.schema()}
        return obj(
            {name: shape.schema() for name, shape in shown.items()},
            [name for name, shape in shown.items() if shape.required],
        )


@dataclass(frozen=True, slots=True)
class Passed(Shape[Any]):
    """Anything, checked where it is read later. `shape` reads it if it is an object; `needed`: what must be there."""

    described: Schema = field(default_factory=dict)
    shape: Shape[Any] | None = None
    needed: str = ""
    required: bool = True

    def read(self, value: object, path: str, reading: Reading) -> Any:
        if value is None and self.needed:
            refuse(path, self.needed, value)
        return self.shape.read(value, path, reading) if self.shape and isinstance(value, dict) else value

    def schema(self) -> Schema:
        return any_of(self.described, self.shape.schema()) if self.shape else self.described


@dataclass(frozen=True, slots=True)
class Members(Shape[dict[str, object]]):
    """An object of any members, which are the client's own."""

    def read(self, value: object, path: str, reading: Reading) -> dict[str, object]:
        if not isinstance(value, dict):
            refuse(path, "an object", value)
        return value

    def schema(self) -> Schema:
        return {"type": "object"}


@dataclass(frozen=True, slots=True)
class OneOf(Shape[Any]):
    """An object whose `tag` says which of `kinds` it is. `allowed`: an object of this family in words. `listed`: the
    kinds in words. `default(value)`: the tag of an object without one. `others`: what is of no kind of these."""

    tag: str
    kinds: Mapping[str, Shape[Any]]
    allowed: str
    listed: Callable[[Reading], str] | None = None
    default: Callable[[dict[str, object]], str | None] = lambda value: None
    others: Shape[Any] | None = None

    def read(self, value: object, path: str, reading: Reading) -> Any:
        if not isinstance(value, dict):
            refuse(path, self.allowed, value)
        kind = self.default(value) if value.get(self.tag) is None else value[self.tag]
        if self.others is not None and isinstance(kind, str) and kind not in self.kinds:
            return self.others.read(value, path, reading)
        if not isinstance(kind, str) or kind not in self.kinds:
            names = ", ".join(self.kinds)
            listed = self.listed(reading) if self.listed else f"one of {names}" if len(self.kinds) > 1 else names
            refuse(f"{path}.{self.tag}", listed, kind)
        return self.kinds[kind].read(value, path, reading)

    def schema(self) -> Schema:
        return any_of(*(schema for kind in self.kinds.values() if (schema := kind.schema())))


@dataclass(frozen=True, slots=True)
class Array(Shape[list[Any]]):
    """An array of at least `least` `items`. `most` is documented here, and checked by the code that reads it later."""

    items: Shape[Any]
    allowed: str
    least: int = 0
    most: int | None = None

    def read(self, value: object, path: str, reading: Reading) -> list[Any]:
        if not isinstance(value, list) or len(value) < self.least:
            refuse(path, self.allowed, value)
        return [self.items.read(item, f"{path}[{at}]", reading) for at, item in enumerate(value)]

    def schema(self) -> Schema:
        return array(self.items.schema(), self.least, self.most)


@dataclass(frozen=True, slots=True)
class Content(Shape[list[Any]]):
    """A string, which is read as an array of just that, or an array of `parts`."""

    parts: Array

    def read(self, value: object, path: str, reading: Reading) -> list[Any]:
        return [value] if isinstance(value, str) else self.parts.read(value, path, reading)

    def schema(self) -> Schema:
        return any_of({"type": "string"}, self.parts.schema())


def field_schemas(
    fields: Mapping[str, str], shapes: Mapping[str, Shape[Any]], describe: Callable[[str], Schema]
) -> Schema:
    """JSON Schemas of the fields of a request: rows of the parameters table as `describe` gives them, in the
    form of `shapes` where a protocol has its own. `describe` takes the name of a row."""
    schemas: Schema = {name: describe(row) for name, row in fields.items()}
    for name, shape in shapes.items():
        own: Schema = {"anyOf": [shape.schema(), {"type": "null"}], "default": None}
        schemas[name] = describe(fields[name]) | own if name in fields else own
    return schemas
