"""What accounts, metrics and traces hang on: the runner tells an observer of every request it admits.

    admit → (started → first_token) → settle

Whatever was admitted is settled exactly once, also when the client leaves or the engine fails. The classes here are the
interface and ignore everything. Knows no protocol, no store and no exporter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mimo.contract.models import Model
from mimo.contract.request import Params
from mimo.types import FinishReason, Usage


@dataclass(frozen=True, slots=True)
class Admission:
    """A decoded request that asks to be answered. `key`: digest of the API key that let it in, None on an open server;
    `choices`: answers asked for, over all prompts, each of at most `params.max_completion_tokens`."""

    request_id: str
    protocol: str
    key: bytes | None
    model: Model
    params: Params
    choices: int


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


class Observation:
    """One admitted request. Called on the event loop; none of it may block."""

    headers: Sequence[tuple[str, str]] = ()
    """Headers that the answer gets, also when it is an error."""

    def started(self) -> None:
        """The engine has taken the request."""

    def first_token(self) -> None:
        """The first events have come."""

    def settle(self, settlement: Settlement) -> None:
        """The request has ended; called once."""


class Observer:
    """Sees every request of a server."""

    async def admit(self, admission: Admission) -> Observation:
        """Let the request in. Raises the `ApiError` that refuses it (402, 403, 429); nothing is settled then."""
        return Observation()
