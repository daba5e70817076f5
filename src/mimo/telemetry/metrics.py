"""What is counted, and when: of each request at its end, and of the engine when somebody looks.

Knows the table's names; knows no exposition format.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from mimo.api.backend import Backend
from mimo.api.observer import Answered, Observer, Settlement
from mimo.contract.errors import ApiError
from mimo.engines.base import Engine, UpstreamState
from mimo.telemetry.cells import Place
from mimo.telemetry.table import HIDDEN, OTHER, UNKNOWN


class Metrics(Observer):
    """Counts into `place`. `addresses`: what to call those of the upstream, in their order; `ledger_lag()`: seconds,
    None where there is no ledger."""

    def __init__(
        self, place: Place, addresses: Sequence[str] = (), ledger_lag: Callable[[], float | None] = lambda: None
    ) -> None:
        self._place = place
        self._addresses = addresses
        self._upstreams: dict[int, UpstreamState] = {}
        self._requests: dict[tuple[str, str, int], _OfRequest] = {}
        self._models: dict[str, _OfModel] = {}
        self._ledger_lag = ledger_lag
        place.set(HIDDEN, os.getpid())

    def answered(self, answered: Answered) -> None:
        protocol, admission, settlement = answered.protocol or OTHER, answered.admission, answered.settlement
        model = admission.model.id if admission else UNKNOWN
        kind = (protocol, model, answered.status)
        if (request := self._requests.get(kind)) is None:
            request = self._requests[kind] = _OfRequest(self._place, *kind)
        request.ended.add()
        request.seconds.observe(answered.seconds)
        if isinstance(answered.error, ApiError) and (settlement is None or settlement.times.first_token is None):
            self._place.counter("mimo_rejected_total", (protocol, answered.error.code)).add()
        if settlement is not None:
            if (of_model := self._models.get(model)) is None:
                of_model = self._models[model] = _OfModel(self._place, model)
            of_model.settled(settlement)

    def look(self, backend: Backend) -> None:
        """Bring the gauges up to date."""
        place = self._place
        engine = backend.engine if backend.ready else None
        place.set("mimo_ready", engine is not None and engine.healthy)
        if (lag := self._ledger_lag()) is not None:
            place.set("mimo_ledger_lag_seconds", lag)
        if engine is not None:
            self._load(engine)
            for at, state in enumerate(engine.upstreams):
                self._upstream(at, state)

    def _load(self, engine: Engine) -> None:
        place, load = self._place, engine.load()
        place.set("mimo_choices_running", load.running)
        place.set("mimo_choices_waiting", load.waiting)
        if load.slots is not None:
            place.set("mimo_slots", load.slots)
            place.set("mimo_slots_free", max(0, load.slots - load.running))
        if load.prompt_cache_bytes is not None:
            place.set("mimo_prompt_cache_bytes", load.prompt_cache_bytes)

    def _upstream(self, at: int, state: UpstreamState) -> None:
        labels = (self._addresses[at] if at < len(self._addresses) else OTHER,)
        before = self._upstreams.get(at, UpstreamState("", True))
        self._upstreams[at] = state
        self._place.set("mimo_upstream_healthy", state.healthy, labels)
        self._place.counter("mimo_upstream_failures_total", labels).add(state.failures - before.failures)
        self._place.counter("mimo_upstream_failovers_total", labels).add(state.failovers - before.failovers)


class _OfRequest:
    """The series of requests of a protocol for a model that ended with a status."""

    __slots__ = ("ended", "seconds")

    def __init__(self, place: Place, protocol: str, model: str, status: int) -> None:
        self.ended = place.counter("mimo_requests_total", (protocol, model, str(status)))
        self.seconds = place.histogram("mimo_request_duration_seconds", (protocol, model))


class _OfModel:
    """The series of what a model was admitted for."""

    __slots__ = ("_between", "_cached", "_completion", "_first", "_prompt", "_queue", "_reasoning")

    def __init__(self, place: Place, model: str) -> None:
        kinds = ("prompt", "cached", "completion", "reasoning")
        tokens = (place.counter("mimo_tokens_total", (model, kind)) for kind in kinds)
        self._prompt, self._cached, self._completion, self._reasoning = tokens
        self._first = place.histogram("mimo_time_to_first_token_seconds", (model,))
        self._between = place.histogram("mimo_time_per_output_token_seconds", (model,))
        self._queue = place.histogram("mimo_queue_wait_seconds", (model,))

    def settled(self, settlement: Settlement) -> None:
        """Count tokens and times."""
        usage, times = settlement.usage, settlement.times
        self._prompt.add(usage.prompt_tokens)
        self._completion.add(usage.completion_tokens)
        if usage.cached_tokens:
            self._cached.add(usage.cached_tokens)
        if usage.reasoning_tokens:
            self._reasoning.add(usage.reasoning_tokens)
        if times.begun is not None and times.submitted is not None:
            self._queue.observe(max(0.0, times.begun - times.submitted))
        if times.first_token is None:
            return
        self._first.observe(times.first_token)
        choices = max(1, len(settlement.finish))
        if (following := usage.completion_tokens / choices - 1) > 0:
            self._between.observe((times.ended - times.first_token) / following)
