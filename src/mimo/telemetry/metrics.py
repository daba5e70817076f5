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
    """Counts into `place`. `addresses`: what to call those of the upstream, in their order; `ledger_lag`: seconds,
    where there is a ledger."""

    def __init__(
        self, place: Place, addresses: Sequence[str] = (), ledger_lag: Callable[[], float] | None = None
    ) -> None:
        self._place = place
        self._addresses = addresses
        self._counted: dict[int, UpstreamState] = {}
        self.ledger_lag = ledger_lag
        place.set(HIDDEN, os.getpid())

    def answered(self, answered: Answered) -> None:
        protocol, admission, settlement = answered.protocol or OTHER, answered.admission, answered.settlement
        model = admission.model.id if admission else UNKNOWN
        place = self._place
        place.add("mimo_requests_total", (protocol, model, str(answered.status)))
        place.observe("mimo_request_duration_seconds", (protocol, model), answered.seconds)
        if isinstance(answered.error, ApiError) and (settlement is None or settlement.times.first_token is None):
            place.add("mimo_rejected_total", (protocol, answered.error.code))
        if settlement is not None:
            self._tokens(model, settlement)
            self._times((model,), settlement)

    def _tokens(self, model: str, settlement: Settlement) -> None:
        usage, add = settlement.usage, self._place.add
        add("mimo_tokens_total", (model, "prompt"), usage.prompt_tokens)
        add("mimo_tokens_total", (model, "cached"), usage.cached_tokens)
        add("mimo_tokens_total", (model, "completion"), usage.completion_tokens)
        add("mimo_tokens_total", (model, "reasoning"), usage.reasoning_tokens)

    def _times(self, labels: tuple[str, ...], settlement: Settlement) -> None:
        times, observe = settlement.times, self._place.observe
        if times.begun is not None and times.submitted is not None:
            observe("mimo_queue_wait_seconds", labels, max(0.0, times.begun - times.submitted))
        if times.first_token is None:
            return
        observe("mimo_time_to_first_token_seconds", labels, times.first_token)
        choices = max(1, len(settlement.finish))
        if (following := settlement.usage.completion_tokens / choices - 1) > 0:
            observe("mimo_time_per_output_token_seconds", labels, (times.ended - times.first_token) / following)

    def look(self, backend: Backend) -> None:
        """Bring the gauges up to date."""
        place = self._place
        engine = backend.engine if backend.ready else None
        place.set("mimo_ready", engine is not None and engine.healthy)
        if self.ledger_lag is not None:
            place.set("mimo_ledger_lag_seconds", self.ledger_lag())
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
        before = self._counted.get(at, UpstreamState("", True))
        self._counted[at] = state
        self._place.set("mimo_upstream_healthy", state.healthy, labels)
        self._place.add("mimo_upstream_failures_total", labels, state.failures - before.failures)
        self._place.add("mimo_upstream_failovers_total", labels, state.failovers - before.failovers)
