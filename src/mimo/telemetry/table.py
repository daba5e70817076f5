"""The metrics as one table: a new one is a row here and a line where it is counted.

The values that a label may have are known when the server starts: they never come from a client, so there is a bound
on how many series there are. Knows no memory and no exposition format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from mimo.api.observer import CLIENT_LEFT
from mimo.contract.errors import ApiError

Kind = Literal["counter", "gauge", "histogram"]
UNKNOWN, OTHER = "unknown", "other"
"""The model of a request that names none of the table, and whatever a label has no value of its own for."""
_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `labels`: names from `label_values`; `buckets`: upper bounds of a histogram; `across`: how the values
    of several workers become one, which for counters and histograms is always their sum."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    across: Literal["sum", "max", "min"] = "sum"

    @property
    def cells(self) -> int:
        """Numbers that a series is: of a histogram one for each bucket, one for what is above them, and the sum."""
        return len(self.buckets) + 2 if self.kind == "histogram" else 1


_ROWS = (
    Metric("mimo_requests_total", "counter",
           "Requests that have ended. status: of the answer, or of the error that ended it; 499: the client left.",
           ("protocol", "model", "status")),
    Metric("mimo_rejected_total", "counter",
           "Requests that ended in an error before their first token. reason: the code of the error.",
           ("protocol", "reason")),
    Metric("mimo_tokens_total", "counter",
           "Tokens. kind: prompt, cached (those of the prompt that were computed before), completion, reasoning "
           "(those of the completion that are reasoning).", ("model", "kind")),
    Metric("mimo_request_duration_seconds", "histogram", "From the request to the end of its answer.",
           ("protocol", "model"), _LONG),
    Metric("mimo_time_to_first_token_seconds", "histogram", "From the request to the first token of its answer.",
           ("model",), _LONG),
    Metric("mimo_time_per_output_token_seconds", "histogram",
           "Time between two tokens of a choice, its mean over each answer.", ("model",), _SHORT),
    Metric("mimo_queue_wait_seconds", "histogram",
           "From handing a request to the engine to the start of its prompt. Local engine only.", ("model",), _LONG),
    Metric("mimo_choices_running", "gauge", "Choices in work; requests, where the engine is an upstream."),
    Metric("mimo_choices_waiting", "gauge", "Choices in the queue of the engine."),
    Metric("mimo_slots", "gauge", "Choices that can run at once.", across="max"),
    Metric("mimo_slots_free", "gauge", "Slots that nothing runs in.", across="min"),
    Metric("mimo_prompt_cache_bytes", "gauge", "Host memory that holds prompts for later requests."),
    Metric("mimo_ready", "gauge", "Whether the engine has started and is healthy: 1 or 0.", across="min"),
    Metric("mimo_upstream_healthy", "gauge", "Whether the address answered the last health check: 1 or 0.",
           ("address",), across="min"),
    Metric("mimo_upstream_failures_total", "counter", "Requests that the address did not answer.", ("address",)),
    Metric("mimo_upstream_failovers_total", "counter",
           "Requests that the address did not answer, and that were sent to another.", ("address",)),
    Metric("mimo_ledger_lag_seconds", "gauge", "Age of the oldest settled request that is not stored yet.",
           across="max"),
    Metric("mimo_worker_pid", "gauge", "Process id of a worker; not shown itself, process_* come from it."),
)  # fmt: skip
METRICS: Mapping[str, Metric] = MappingProxyType({row.name: row for row in _ROWS})
HIDDEN = "mimo_worker_pid"


def label_values(
    protocols: Sequence[str], models: Sequence[str], addresses: Sequence[str]
) -> Mapping[str, tuple[str, ...]]:
    """Every value that each label may have. The last one stands for all others."""
    errors = list(_errors(ApiError))
    statuses = sorted({200, 204, 307, CLIENT_LEFT, *(error.status for error in errors)})
    return {
        "protocol": (*protocols, OTHER),
        "model": (*models, UNKNOWN),
        "status": (*map(str, statuses), OTHER),
        "reason": (*sorted({error.code for error in errors}), OTHER),
        "kind": ("prompt", "cached", "completion", "reasoning"),
        "address": (*addresses, OTHER),
    }


def _errors(kind: type[ApiError]) -> Iterator[type[ApiError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _errors(below)
