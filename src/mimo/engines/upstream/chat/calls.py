"""Calls of a chat stream, put together from their pieces. Which call a piece belongs to is said in several ways by
several APIs: by an index, by an id, by both, or by nothing but its place. Knows no chunk and no limit.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

import msgspec

from mimo.contract.errors import UpstreamError
from mimo.engines.upstream.chat.chunks import CallPiece
from mimo.output.calls import new_call_id
from mimo.types import CompleteCall

MOST_CALLS = 1024
"""Calls of one answer; more are a fault of the upstream."""


@dataclass(slots=True, eq=False)
class _Open:
    """A call as far as it has come."""

    id: str = ""
    name: str = ""
    parts: list[str] = field(default_factory=list)

    def add(self, piece: CallPiece) -> None:
        self.id = self.id or piece.id
        self.name = self.name or piece.name
        if piece.arguments:
            self.parts.append(piece.arguments)

    @property
    def arguments(self) -> str:
        """Its arguments so far."""
        return "".join(self.parts)

    @property
    def complete(self) -> bool:
        """Whether it can be given to a client: named, its arguments a JSON object."""
        try:
            return bool(self.name) and isinstance(msgspec.json.decode(self.arguments or "{}"), dict)
        except (ValueError, RecursionError, msgspec.MsgspecError):
            return False


class OpenCalls:
    """The calls of one choice, in the order in which they began."""

    def __init__(self) -> None:
        self._calls: list[_Open] = []
        self._at: dict[int, _Open] = {}
        self._named: dict[str, _Open] = {}

    def add(self, pieces: Sequence[CallPiece], *, one: bool) -> bool:
        """Take the pieces of one chunk; False if a second call begins where only `one` is wanted, which is left out.

        Raises `UpstreamError` for more calls than any answer has."""
        touched: set[_Open] = set()
        for piece in pieces:
            call = self._of(piece, touched)
            if call is None:
                if one and self._calls:
                    return False
                if len(self._calls) == MOST_CALLS:
                    raise UpstreamError(f"upstream sent more than {MOST_CALLS} calls in one answer")
                call = _Open()
                self._calls.append(call)
            call.add(piece)
            touched.add(call)
            if piece.id:
                self._named.setdefault(piece.id, call)
            if piece.index is not None:
                self._at[piece.index] = call
        return True

    def _of(self, piece: CallPiece, touched: Set[_Open]) -> _Open | None:
        """The call that `piece` goes on with; None if it begins one."""
        if piece.index is not None:
            call = self._at.get(piece.index)
        else:
            call = self._named.get(piece.id) or (self._calls[-1] if self._calls else None)
        return None if call is None or _begins(piece, call, call in touched) else call

    def whole(self, choice: int, cut: bool) -> list[CompleteCall]:
        """The calls, numbered through. One that is not complete is left out where the answer was `cut`, else it is an
        `UpstreamError`."""
        complete = [call for call in self._calls if call.complete]
        if len(complete) < len(self._calls) and not cut:
            raise UpstreamError("upstream sent a call without a name, or whose arguments are no JSON object")
        ids: set[str] = set()
        calls = []
        for index, call in enumerate(complete):
            id = call.id if call.id and call.id not in ids else new_call_id()
            ids.add(id)
            calls.append(CompleteCall(choice, index, id, call.name, call.arguments or "{}"))
        return calls


def _begins(piece: CallPiece, call: _Open, in_this_chunk: bool) -> bool:
    """Whether `piece` begins a call, although its index, or the want of one, points at `call`."""
    if piece.id and call.id:
        return piece.id != call.id
    if not piece.name or not call.name:
        return False
    return in_this_chunk or piece.name != call.name or bool(call.parts and call.complete)
