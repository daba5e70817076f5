"""The attributes of spans as one table: OpenTelemetry's names for what a request was and came to.

The names of `gen_ai.*` are those of the GenAI conventions 0.1.0, which are still in development: a name that changes
changes here. What was said is never among them: no message, no stop text, no name of a user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mimo.api.observer import Admission, Answered, Settlement
from mimo.api.protocols import PROTOCOLS
from mimo.contract.errors import ApiError

Value = str | bool | int | float | list[str]
PROVIDER = "mimo"
_OPERATIONS = {protocol.name: protocol.operation for protocol in PROTOCOLS}


def operation(answered: Answered) -> str:
    """What the conventions call it."""
    return _OPERATIONS.get(answered.protocol, "chat")


OF_REQUEST: Mapping[str, Callable[[Answered], Value | None]] = MappingProxyType({
    "gen_ai.operation.name": operation,
    "gen_ai.provider.name": lambda _: PROVIDER,
    "gen_ai.response.id": lambda answered: answered.request_id,
    "http.request.method": lambda answered: answered.method,
    "http.response.status_code": lambda answered: answered.status,
    "error.type": lambda answered: _code(answered.error),
    "mimo.protocol": lambda answered: answered.protocol,
})  # fmt: skip
"""Of every request."""
OF_ADMISSION: Mapping[str, Callable[[Admission], Value | None]] = MappingProxyType({
    "gen_ai.request.model": lambda admission: admission.model.id,
    "gen_ai.response.model": lambda admission: admission.model.id,
    "gen_ai.request.temperature": lambda admission: admission.params.sampling.temperature,
    "gen_ai.request.top_p": lambda admission: admission.params.sampling.top_p,
    "gen_ai.request.frequency_penalty": lambda admission: admission.params.sampling.frequency_penalty,
    "gen_ai.request.presence_penalty": lambda admission: admission.params.sampling.presence_penalty,
    "gen_ai.request.seed": lambda admission: admission.params.sampling.seed,
    "gen_ai.request.max_tokens": lambda admission: admission.params.max_completion_tokens,
    "gen_ai.request.stream": lambda admission: admission.params.stream,
    "gen_ai.request.choice.count": lambda admission: admission.choices if admission.choices != 1 else None,
    "mimo.thinking": lambda admission: admission.params.thinking,
})  # fmt: skip
"""Of one that was valid."""
OF_SETTLEMENT: Mapping[str, Callable[[Settlement], Value | None]] = MappingProxyType({
    "gen_ai.response.finish_reasons": lambda settlement: list(settlement.finish) or None,
    "gen_ai.response.time_to_first_chunk": lambda settlement: settlement.times.first_token,
    "gen_ai.usage.input_tokens": lambda settlement: settlement.usage.prompt_tokens,
    "gen_ai.usage.output_tokens": lambda settlement: settlement.usage.completion_tokens,
    "gen_ai.usage.reasoning.output_tokens": lambda settlement: settlement.usage.reasoning_tokens,
    "gen_ai.usage.cache_read.input_tokens": lambda settlement: settlement.usage.cached_tokens,
    "mimo.usage.exact": lambda settlement: settlement.exact,
})  # fmt: skip
"""Of one that was admitted."""


def attributes(answered: Answered) -> dict[str, Value]:
    """All that is known of a request, under the conventions' names."""
    found = {name: value(answered) for name, value in OF_REQUEST.items()}
    if answered.admission is not None:
        found |= {name: value(answered.admission) for name, value in OF_ADMISSION.items()}
    if answered.settlement is not None:
        found |= {name: value(answered.settlement) for name, value in OF_SETTLEMENT.items()}
    return {name: value for name, value in found.items() if value is not None}


def _code(error: BaseException | None) -> str | None:
    if error is None:
        return None
    return error.code if isinstance(error, ApiError) else type(error).__name__
