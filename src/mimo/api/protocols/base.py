"""What a protocol is: one row of `PROTOCOLS`, whose fields are everything that differs between protocols.

The order of things is the same for all and stands in `api/answer.py`. Knows no protocol.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from msgspec import Struct

from mimo.api.envelope import OPENAI, ErrorForm
from mimo.api.policy import Policy
from mimo.api.protocols.fields import Decoded
from mimo.api.route import Route
from mimo.contract.errors import ApiError
from mimo.contract.models import Model
from mimo.engines.base import Repeatable
from mimo.types import Event, Usage

D = TypeVar("D", bound=Decoded[Any])
Schema = dict[str, object]


class Source(Struct, frozen=True):
    """Who answers: the fingerprint of the engine, the bytes of its tokens, the counts so far, and what the seed is
    worth, where that is known."""

    fingerprint: str
    piece: Callable[[int], bytes]
    usage: Callable[[], Usage]
    repeatable: Repeatable | None = None


class Frames(ABC):
    """A streamed answer: the events as frames, ready to be written. The frames joined are what `Body` gives."""

    errors: ErrorForm = OPENAI

    def first(self, prompt_tokens: int) -> bytes:
        """What opens the stream. `prompt_tokens`: 0 where they are not known yet."""
        return b""

    @abstractmethod
    def frames(self, events: Iterable[Event]) -> bytes:
        """The frames of a batch; those of `Usage`, the last event, end the stream."""

    def error_frame(self, error: ApiError, request_id: str) -> bytes:
        """What ends the stream when it fails."""
        return self.errors.frame(error, request_id)


class Body(ABC):
    """An answer that is not streamed."""

    @abstractmethod
    def add(self, events: Iterable[Event]) -> None:
        """Take the next batch of events."""

    @abstractmethod
    def body(self) -> bytes:
        """The answer as JSON, when all events have come."""


@dataclass(frozen=True, slots=True)
class Protocol(Generic[D]):
    """`name` in records, `title` and `summary` for people. `paths`: where it answers POST; `others`: its other routes.

    `fields`: the client's field → the row of the parameters table that it is; `wire_names`: paths of ours by the
    client's names, for errors. `decode` checks all that needs no engine; `frames` and `body` make the answer.
    `request`, `response`: the names of their shapes in the OpenAPI document, which `schemas(model, describe)` gives.
    `prefixes`: beginnings of paths whose errors have this protocol's form although there is no route.
    `header`: by which a client says that it speaks this protocol; it then gets the `shared` routes, which belong to no
    protocol, in this one's form. `key_header`: where its clients put their key, beyond `Authorization: Bearer`.
    `operation`: what OpenTelemetry's conventions call it.
    """

    name: str
    title: str
    summary: str
    paths: tuple[str, ...]
    fields: Mapping[str, str]
    decode: Callable[[bytes, Mapping[str, Model], Policy], D]
    frames: Callable[[D, Source], Frames]
    body: Callable[[D, Source], Body]
    request: str
    response: str
    schemas: Callable[[Schema, Callable[[str], Schema]], Schema]
    wire_names: Mapping[str, str] = field(default_factory=dict)
    errors: ErrorForm = OPENAI
    prefixes: tuple[str, ...] = ()
    others: Mapping[tuple[str, str], Route] = field(default_factory=dict)
    header: str = ""
    shared: Mapping[tuple[str, str], Route] = field(default_factory=dict)
    key_header: str = ""
    operation: str = "chat"

    def name_of(self, row: str) -> str | None:
        """What the client calls a row of the parameters table, None where it cannot be said on this protocol."""
        found = next((name for name, ours in self.fields.items() if ours == row), None)
        return found or self.wire_names.get(row)
