"""What a cell of the table of engines is, and how requests are refused and built from a column of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mimo.contract.errors import UnsupportedParameter

Kind = Literal["as is", "mapped", "ours", "refused"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a value cannot be kept, and the path of the field where it stands, if that is not the parameter's name."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Cell:
    """How one engine keeps one parameter. `how`: in words, for the page.

    `send(ask)`: the fields of the request that carry it. `refuse(given)`: why these values cannot be kept, or None.
    A raw route is given `RawRequest` and `TokenRequest`; a chat route `ChatRequest` for both.
    """

    kind: Kind
    how: str = ""
    send: Callable[[Any], Mapping[str, object]] | None = None
    refuse: Callable[[Any], str | Refusal | None] | None = None


Column = Mapping[str, Cell]
Table = Mapping[str, Mapping[str, Cell]]
"""Parameter → engine → cell."""


def ours(how: str) -> Cell:
    """Done by this process; nothing of it is sent."""
    return Cell("ours", how)


def as_is(name: str) -> Callable[[Any], Mapping[str, object]]:
    """Sends the value of a field of `Sampling` as it stands."""
    return lambda ask: {name: getattr(ask.sampling, name)}


def check(column: Iterable[tuple[str, Cell]], given: object) -> None:
    """Raise `UnsupportedParameter` for the first value that cannot be kept."""
    for name, cell in column:
        if cell.refuse is not None and (why := cell.refuse(given)) is not None:
            found = why if isinstance(why, Refusal) else Refusal(name, why)
            raise UnsupportedParameter(f"{found.path}: {found.why}", param=found.path)


def fields(column: Iterable[tuple[str, Cell]], ask: object) -> dict[str, object]:
    """The body of a request: what every cell sends, together."""
    body: dict[str, object] = {}
    for _, cell in column:
        if cell.send is not None:
            body.update(cell.send(ask))
    return body
