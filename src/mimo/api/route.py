"""What a route is, and a table of them: the function that answers, a line for people, and what it may answer with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from mimo.api.backend import Backend
from mimo.api.envelope import OPENAI, ErrorForm
from mimo.api.exchange import JSON, Exchange
from mimo.contract.errors import (
    ApiError,
    AuthenticationFailed,
    InsufficientBalance,
    InternalError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimitExceeded,
    RequestTooLarge,
    ServiceUnavailable,
)

Answer = Callable[[Backend, Exchange, str], Awaitable[None]]
BODY_ERRORS = (InvalidRequest, RequestTooLarge, NotFound)
"""Errors of a route that reads a body and looks up its model."""
ANSWER_ERRORS = (*BODY_ERRORS, InsufficientBalance, PermissionDenied, RateLimitExceeded)
"""Errors of a route that generates."""
_OF_API = (AuthenticationFailed, InternalError, ServiceUnavailable)


@dataclass(frozen=True, slots=True)
class Route:
    """`answer(backend, exchange, id)` sends the reply. An `api` route needs a key and a ready engine.

    `raises`: the errors of this route beyond those that every `api` route has, in the form of `errors`. `request`,
    `response`: names of their shapes in the OpenAPI document. `content_type`, `streams`: what a success is made of;
    `status`: its own. `protocol`: the name of the protocol whose route it is, if any. `for_operators`: it needs a key,
    though no engine, unless the policy leaves such routes open.
    """

    answer: Answer
    summary: str
    raises: tuple[type[ApiError], ...] = ()
    api: bool = True
    errors: ErrorForm = OPENAI
    request: str | None = None
    response: str | None = None
    content_type: str = JSON
    streams: bool = False
    status: int = 200
    protocol: str = ""
    for_operators: bool = False

    @property
    def refusals(self) -> list[type[ApiError]]:
        """Every error this route can answer with, by status."""
        common = _OF_API if self.api else (AuthenticationFailed,) if self.for_operators else ()
        return sorted({*self.raises, *common}, key=lambda error: error.status)


@dataclass(frozen=True, slots=True)
class Match:
    """What a path leads to: routes by method (GET answers HEAD too), the text in the place of `{id}`, and the form of
    its errors."""

    routes: Mapping[str, Route]
    argument: str
    errors: ErrorForm
    allowed: str
    """Its methods, as the `allow` header has them."""


@dataclass(frozen=True, slots=True)
class Routes:
    """`table`: method and path → route; `{id}` in a path stands for whatever is there, and of
    several that fit the one counts that says most after it. `error_forms`: how errors
    look where there is no route, by the beginning of the path. `key_headers`: where a key may stand, beyond
    `Authorization: Bearer`."""

    table: Mapping[tuple[str, str], Route]
    error_forms: Mapping[str, ErrorForm] = field(default_factory=dict)
    key_headers: tuple[str, ...] = ()
    _whole: dict[str, Match] = field(init=False, repr=False)
    """Paths without `{id}`, which are most requests, looked up once for all."""

    def __post_init__(self) -> None:
        paths = {pattern for _, pattern in self.table if "{id}" not in pattern}
        object.__setattr__(self, "_whole", {path: self._match(path) for path in paths})

    def find(self, path: str) -> Match:
        """The routes of `path`."""
        return self._whole.get(path) or self._match(path)

    def _match(self, path: str) -> Match:
        found: dict[str, Route] = {}
        argument, closest = "", 0
        for (method, pattern), route in self.table.items():
            before, mark, after = pattern.partition("{id}")
            inside = path.removeprefix(before).removesuffix(after)
            if pattern == path or (mark and inside and path == before + inside + after):
                if len(after) > closest:
                    found, closest = {}, len(after)
                if len(after) == closest:
                    found[method] = route
                    argument = inside if mark else ""
        if "GET" in found:
            found["HEAD"] = found["GET"]
        return Match(found, argument, self._errors(path, found), ", ".join([*found, "OPTIONS"]))

    def _errors(self, path: str, found: Mapping[str, Route]) -> ErrorForm:
        for route in found.values():
            return route.errors
        return next((form for prefix, form in self.error_forms.items() if path.startswith(prefix)), OPENAI)
