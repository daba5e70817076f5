"""What a route is: the function that answers, a line for people, and the errors it can answer with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mimo.api.exchange import Exchange
from mimo.contract.errors import ApiError, AuthenticationFailed, InternalError, ServiceUnavailable

if TYPE_CHECKING:
    from mimo.api.app import App

_OF_API = (AuthenticationFailed, InternalError, ServiceUnavailable)


@dataclass(frozen=True, slots=True)
class Route:
    """`answer(app, exchange, id)` sends the reply. An `api` route needs a key and a ready engine.

    `raises`: the errors of this route beyond those that every `api` route has.
    """

    answer: Callable[[App, Exchange, str], Awaitable[None]]
    summary: str
    raises: tuple[type[ApiError], ...] = ()
    api: bool = True

    @property
    def errors(self) -> list[type[ApiError]]:
        """Everything this route can answer beside success, by status."""
        return sorted({*self.raises, *(_OF_API if self.api else ())}, key=lambda error: error.status)
