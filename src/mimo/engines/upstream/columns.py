"""How one engine keeps each parameter of the contract: a column, by which requests are refused and built.

    as is     the engine's own parameter means what the contract means
    mapped    sent in another form that gives the same
    ours      never sent: done by this process, the same on every engine
    refused   the engine cannot keep it: 400 unsupported_parameter before anything is sent

A cell of any kind may refuse some values; `how` says which. The docs are printed from the columns. Knows no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from mimo.contract.errors import UnsupportedParameter
from mimo.contract.parameters import PARAMETERS
from mimo.types import Sampling

Given = TypeVar("Given")
"""What a client asks for."""
Sent = TypeVar("Sent")
"""What a body is built from."""
Kind = Literal["as is", "mapped", "ours", "refused"]
Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a value cannot be kept, and the path of the field where it stands, if that is not the parameter's name."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Cell(Generic[Given, Sent]):
    """How one engine keeps one parameter. `how`: in words, for the docs.

    `send(request)`: the fields of the body that carry it. `refuse(given)`: why these values cannot be kept, or None.
    """

    kind: Kind
    how: str = ""
    send: Callable[[Sent], Body] | None = None
    refuse: Callable[[Given], str | Refusal | None] | None = None


_OURS: Cell[Any, Any] = Cell("ours", "not sent")


class Column(Generic[Given, Sent]):
    """The cells of one engine, by parameter.

    A parameter without a cell is ours, unless it is one of the draw (a field of `Sampling`): that one is refused at any
    value but its default, until the column says how it is sent. `sampling`: where it stands in a request.
    """

    def __init__(self, cells: Mapping[str, Cell[Given, Sent]], sampling: Callable[[Given], Sampling]) -> None:
        missing = [name for name in Sampling.__struct_fields__ if name not in cells]
        self._cells = {**cells, **{name: _only_default(name, sampling) for name in missing}}
        self._refusals = [(name, cell.refuse) for name, cell in self._cells.items() if cell.refuse is not None]
        self._parts = [cell.send for cell in self._cells.values() if cell.send is not None]

    def __getitem__(self, parameter: str) -> Cell[Given, Sent]:
        return self._cells.get(parameter, _OURS)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cells)

    def check(self, given: Given) -> None:
        """Raise `UnsupportedParameter` for the first value that cannot be kept."""
        for name, refuse in self._refusals:
            if (why := refuse(given)) is not None:
                found = why if isinstance(why, Refusal) else Refusal(name, why)
                raise UnsupportedParameter(f"{found.path}: {found.why}", param=found.path)

    def body(self, request: Sent) -> dict[str, object]:
        """The body of a request: what every cell sends, together."""
        body: dict[str, object] = {}
        for part in self._parts:
            body.update(part(request))
        return body


def _only_default(name: str, sampling: Callable[[Given], Sampling]) -> Cell[Given, Any]:
    default = PARAMETERS[name].default

    def refuse(given: Given) -> str | None:
        value = getattr(sampling(given), name)
        return None if value == default else f"this engine knows no such parameter; leave it at {default}, got {value}"

    return Cell("refused", "unknown there: only its default", refuse=refuse)


def ours(how: str) -> Cell[Any, Any]:
    """Done by this process; nothing of it is sent."""
    return Cell("ours", how)


def when(condition: Callable[[Given], object], why: str) -> Callable[[Given], str | None]:
    """Refuses with `why` where the condition is true."""
    return lambda given: why if condition(given) else None


def at(name: str) -> Callable[[Any], Body]:
    """Sends the value of a field of `Sampling` as it stands."""
    return lambda request: {name: getattr(request.sampling, name)}
