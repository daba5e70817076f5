"""One line for every request, at its end: who asked for what, what it came to, how long it took.

Never what was said: no header, no query, no body and no answer; a key appears by its name alone. Knows nothing of how
lines are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mimo.api.observer import CLIENT_LEFT, Answered, Observer, Settlement
from mimo.contract.errors import ApiError
from mimo.telemetry.logs import Form, json_line, one_line, time_text

_QUIET = frozenset({"/healthz", "/health", "/readyz", "/metrics"})
"""What others ask for all the time: a line only where it fails."""
_PATH_LIMIT = 200
_SECRET = re.compile(r"(sk-[\w-]{4})[\w-]+")
"""A key that somebody has put into a path."""


def _digest_name(key: bytes) -> str:
    """What a key without a name is called: the beginning of its SHA-256 digest."""
    return f"sha256:{key.hex()[:8]}"


class AccessLog(Observer):
    """Gives the lines to `write`. `name_of`: what the key of an account is called, None where it is of none."""

    def __init__(
        self, form: Form, write: Callable[[str], None], name_of: Callable[[bytes], str | None] = lambda _: None
    ) -> None:
        self._line = _json if form == "json" else _text
        self._write = write
        self._name_of = name_of

    def answered(self, answered: Answered) -> None:
        if answered.path in _QUIET and answered.status < 400:
            return
        key = answered.key
        self._write(self._line(answered, None if key is None else self._name_of(key) or _digest_name(key)))


def _text(answered: Answered, key: str | None) -> str:
    path = one_line(_path(answered))
    fields = _fields(answered, key)
    if answered.settlement is not None and answered.settlement.finish:
        fields["finish"] = ",".join(answered.settlement.finish)
    pairs = " ".join([f"{name}={value}" for name, value in fields.items()])
    return f"{time_text(answered.began)} {answered.status} {answered.method} {path} {pairs}"


def _json(answered: Answered, key: str | None) -> str:
    head: dict[str, object] = {
        "time": time_text(answered.began),
        "level": "INFO",
        "logger": "mimo.access",
        "status": answered.status,
        "method": answered.method,
        "path": _path(answered),
    }
    return json_line(head | _fields(answered, key))


def _path(answered: Answered) -> str:
    path = answered.path[:_PATH_LIMIT]
    return _SECRET.sub(r"\1…", path) if "sk-" in path else path


def _fields(answered: Answered, key: str | None) -> dict[str, object]:
    """The rest of a line. Times in seconds."""
    fields: dict[str, object] = {"request_id": answered.request_id, "seconds": _short(answered.seconds)}
    if key is not None:
        fields["key"] = one_line(key)
    if answered.protocol:
        fields["protocol"] = answered.protocol
    if (admission := answered.admission) is not None:
        fields["model"] = admission.model.id
        fields["stream"] = "yes" if admission.params.stream else "no"
    if answered.settlement is not None:
        _add_settled(fields, answered.settlement)
    if (error := answered.error) is not None:
        code = error.code if isinstance(error, ApiError) else type(error).__name__
        fields["error"] = "client_left" if answered.status == CLIENT_LEFT else code
    return fields


def _add_settled(fields: dict[str, object], settlement: Settlement) -> None:
    usage, times = settlement.usage, settlement.times
    fields["prompt_tokens"] = usage.prompt_tokens
    fields["cached_tokens"] = usage.cached_tokens
    fields["completion_tokens"] = usage.completion_tokens
    fields["reasoning_tokens"] = usage.reasoning_tokens
    if not settlement.exact:
        fields["tokens"] = "estimated"
    if times.begun is not None and times.submitted is not None:
        fields["queue_seconds"] = _short(max(0.0, times.begun - times.submitted))
    if times.first_token is not None:
        fields["first_token_seconds"] = _short(times.first_token)
    if settlement.finish:
        fields["finish"] = settlement.finish


def _short(seconds: float) -> float:
    """To a tenth of a millisecond; `round` takes ten times as long."""
    return int(seconds * 10_000 + 0.5) / 10_000
