"""What the handlers answer from: the models promised, the operator's policy, and the engine once it is ready."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from mimo.accounts.accounts import Accounts
from mimo.api.batches.store import Store
from mimo.api.observer import Answered, Observer
from mimo.api.policy import Policy
from mimo.api.request_body import Room
from mimo.api.slow_work import SlowWork
from mimo.chat.prompt import ChatFormat
from mimo.contract.errors import ApiError, ServiceUnavailable
from mimo.contract.media import BODY_BYTES
from mimo.contract.models import Model
from mimo.engines.base import Engine, EngineInfo
from mimo.media.fetch.fetcher import Fetcher

log = logging.getLogger("mimo.api")
BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of a request body: a million tokens of text with room to spare."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An `engine` that has started, and the chat format of its model."""

    engine: Engine
    chat_format: ChatFormat


@dataclass(frozen=True, slots=True)
class Backend:
    """The `models` rows it answers for, its `policy` and `observer`. `fetcher`: gets media that are named by URL, where
    that is allowed. `loaded`: the engine, or what makes the error of those who ask for it. `slow`: where long work
    runs, `room`: for the bodies of all requests. `store`: where files and batches are kept, `new_batch` says that one
    has changed. `accounts`: keys and what they have used. `metrics`: what GET /metrics says, None: there is no such
    route. `all_started`: whether all workers on this address are there."""

    models: Mapping[str, Model]
    policy: Policy
    observer: Observer
    fetcher: Fetcher | None = None
    loaded: Loaded | Callable[[], ApiError] = ServiceUnavailable.loading
    slow: SlowWork = field(default_factory=SlowWork)
    room: Room = field(default_factory=Room)
    store: Store | None = None
    accounts: Accounts | None = None
    new_batch: Callable[[], None] = lambda: None
    metrics: Exporter | None = None
    all_started: Callable[[], bool] = lambda: True

    @property
    def ready(self) -> bool:
        """Whether there is an engine."""
        return isinstance(self.loaded, Loaded)

    def started(self) -> Loaded:
        """The engine and the chat format of its model. Raises the `ServiceUnavailable` that says why there is none."""
        if not isinstance(self.loaded, Loaded):
            raise self.loaded()
        return self.loaded

    @property
    def engine(self) -> Engine:
        """The started engine. Raises `ServiceUnavailable` while there is none."""
        return self.started().engine

    @property
    def chat_format(self) -> ChatFormat:
        """The chat format of the engine's model. Raises `ServiceUnavailable` while there is none."""
        return self.started().chat_format

    @property
    def body_limit(self) -> int:
        """Bytes of the largest body that is read."""
        if self.policy.body_limit is not None:
            return self.policy.body_limit
        return BODY_BYTES if isinstance(self.loaded, Loaded) and self.loaded.engine.capabilities.media else BODY_LIMIT

    def countable(self, model: Model) -> EngineInfo:
        """Who says how many tokens a prompt has, although it may be too long for the engine: up to the larger window of
        the engine's and the contract's."""
        info = self.engine.info
        if model.context_window <= info.context_window:
            return info
        return replace(info, context_window=model.context_window, model=model.id)

    def report(self, answered: Answered) -> None:
        """Tell the observer of a request that has ended. A failing observer is logged: the answer is out by now."""
        try:
            self.observer.answered(answered)
        except Exception:
            log.exception("reporting request %s failed", answered.request_id)


Exporter = Callable[[Backend, str], Awaitable[tuple[str, bytes]]]
"""The backend and an `accept` header → the type and the bytes of a page of metrics."""
