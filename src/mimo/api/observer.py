"""What accounts, metrics and traces hang on: the runner tells an observer of every request it admits.

    admit → (prepared → started → first_token → closing) → settle → answered

Whatever was admitted is settled exactly once, also when the client leaves or the engine fails; a complete answer before
its last bytes are sent. Every request, admitted or not, is reported as answered at its end. The classes here are the
interface and ignore everything. Knows no protocol, no store and no exporter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from mimo.contract.models import Model
from mimo.contract.request import Params
from mimo.types import FinishReason, Usage


class Admission(Struct, frozen=True):
    """A decoded request that asks to be answered. `key`: digest of the API key that let it in, None on an open server;
    `choices`: answers asked for, over all prompts, each of at most `params.max_completion_tokens`. `engine`: who
    answers. `tell_cost`: the client wants to know what it pays."""

    request_id: str
    protocol: str
    key: bytes | None
    model: Model
    params: Params
    choices: int
    engine: str = ""
    tell_cost: bool = False


class Times(Struct, frozen=True, gc=False):
    """When things happened to an admitted request, in seconds after it came in. None: not reached, or not known.

    `submitted`: to the engine; `begun`: the engine has taken it out of its queue, which only the local engine says.
    """

    admitted: float = 0.0
    submitted: float | None = None
    begun: float | None = None
    first_token: float | None = None
    ended: float = 0.0


_NOT_KNOWN = Times()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an admitted request has used. `exact`: the counts are the engine's; otherwise it ended before the engine
    said them, and `completion_tokens` counts the pieces of text that came.

    `finish`: why each choice ended, in the order of ending; short where `error` says what ended the request instead
    (an `ApiError`, or `ClientGone`).
    """

    usage: Usage
    exact: bool
    finish: tuple[FinishReason, ...]
    error: BaseException | None = None
    times: Times = field(default=_NOT_KNOWN, compare=False)


CLIENT_LEFT = 499
"""The status of a request whose client left before its end, as nginx has it. Nobody gets to see it."""


class Answered(Struct, frozen=True):
    """A request that has ended, of any route. `protocol`: the name of its protocol, "" on other routes.

    `status`: as sent; that of the error which ended the answer where one did, `CLIENT_LEFT` where the client left.
    `began`: seconds since 1970; `seconds`: how long it took. `key`: as in `Admission`. `admission` and `settlement` are
    there as far as it came. `traceparent`: the trace that the client says it belongs to (W3C Trace Context), unchecked.
    """

    request_id: str
    method: str
    path: str
    protocol: str
    status: int
    began: float
    seconds: float
    key: bytes | None = None
    error: BaseException | None = None
    admission: Admission | None = None
    settlement: Settlement | None = None
    traceparent: str | None = None


class Observation:
    """One admitted request. Called on the event loop; none of it may block."""

    @property
    def headers(self) -> Sequence[tuple[str, str]]:
        """Headers that the answer gets, also when it is an error; asked for when it begins."""
        return ()

    async def prepared(self, prompt_tokens: int, longest: int) -> int:
        """The prompt is known, and nothing has started: how long each answer may be, of `longest` tokens asked for.
        Raises the `ApiError` that refuses the request."""
        return longest

    def started(self) -> None:
        """The engine has taken the request."""

    def first_token(self) -> None:
        """The first events have come."""

    def closing(self, settlement: Settlement) -> Sequence[tuple[str, str]]:
        """What there is to say with the last bytes: headers of a whole answer, comments of a stream."""
        return ()

    def settle(self, settlement: Settlement) -> None:
        """The request has ended; called once."""


class Observer:
    """Sees every request of a server."""

    async def admit(self, admission: Admission) -> Observation:
        """Let the request in. Raises the `ApiError` that refuses it (402, 403, 429); nothing is settled then."""
        return Observation()

    def answered(self, answered: Answered) -> None:
        """A request has ended, and all of its answer is sent. Called on the event loop; must not block."""


class Observers(Observer):
    """Several as one. `gate` decides who is let in; the others hear of what has ended."""

    def __init__(self, gate: Observer, *others: Observer) -> None:
        self._gate = gate
        self._others = others

    async def admit(self, admission: Admission) -> Observation:
        return await self._gate.admit(admission)

    def answered(self, answered: Answered) -> None:
        for observer in self._others:
            observer.answered(answered)
