"""What a parameter row may ask of a value: each check returns the concrete value or raises `InvalidRequest`.

One grammar for every message: "<field> must be <what is allowed>, got <what came>".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NoReturn

from mimo.contract.errors import InvalidRequest, shown
from mimo.contract.models import Model

Check = Callable[[object, str, Model], object]


def refuse(name: str, allowed: str, value: object) -> NoReturn:
    """Raise the 400 of a value that is not allowed."""
    raise InvalidRequest(f"{name} must be {allowed}, got {shown(value)}", param=name)


def number(minimum: float, maximum: float) -> Check:
    """A JSON number within inclusive bounds; never a string, a boolean or NaN."""

    def check(value: object, name: str, model: Model) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            refuse(name, f"a number between {minimum} and {maximum}", value)
        if not (minimum <= value <= maximum):  # NaN fails too
            refuse(name, f"between {minimum} and {maximum}", value)
        return float(value)

    return check


def integer(minimum: int, maximum: int) -> Check:
    """A JSON integer within inclusive bounds (1e3 is one, 0.5 is not)."""

    def check(value: object, name: str, model: Model) -> int:
        whole = _whole(value)
        if whole is None:
            refuse(name, f"an integer between {minimum} and {maximum}", value)
        if not (minimum <= whole <= maximum):
            refuse(name, f"between {minimum} and {maximum}", value)
        return whole

    return check


def completion_limit(value: object, name: str, model: Model) -> int:
    """1 to the model's own largest."""
    whole = _whole(value)
    allowed = f"between 1 and {model.max_completion_tokens} for {model.id}"
    if whole is None:
        refuse(name, f"an integer {allowed}", value)
    if not (1 <= whole <= model.max_completion_tokens):
        refuse(name, allowed, value)
    return whole


def boolean(value: object, name: str, model: Model) -> bool:
    """`true` or `false`."""
    if not isinstance(value, bool):
        refuse(name, "true or false", value)
    return value


def one_of(*words: str) -> Check:
    """One of the `words`, exactly."""

    def check(value: object, name: str, model: Model) -> str:
        if value not in words or not isinstance(value, str):
            refuse(name, f"one of {', '.join(words)}", value)
        return value

    return check


def stop(value: object, name: str, model: Model) -> tuple[str, ...]:
    """A string, or one to four non-empty ones; the empty array means none."""
    texts = [value] if isinstance(value, str) else value
    allowed = "null, a non-empty string, or an array of 1 to 4 non-empty strings"
    if not isinstance(texts, list) or len(texts) > 4:
        refuse(name, allowed, value)
    for at, text in enumerate(texts):
        if not isinstance(text, str) or not text:
            refuse(name if text is value else f"{name}[{at}]", "a non-empty string", text)
    return tuple(dict.fromkeys(texts))


def stream_options(value: object, name: str, model: Model) -> bool:
    """Whether `include_usage` is on."""
    wish = _object(value, name, {"include_usage"}).get("include_usage")
    return False if wish is None else boolean(wish, f"{name}.include_usage", model)


def chat_template_kwargs(value: object, name: str, model: Model) -> bool | None:
    """The `enable_thinking` in it, if it says one."""
    wish = _object(value, name, {"enable_thinking"}).get("enable_thinking")
    return None if wish is None else boolean(wish, f"{name}.enable_thinking", model)


def thinking(value: object, name: str, model: Model) -> tuple[bool, int | None]:
    """(on, budget in tokens or None)."""
    fields = _object(value, name, {"type", "budget_tokens"})
    kind = one_of("enabled", "disabled")(fields.get("type"), f"{name}.type", model)
    budget = fields.get("budget_tokens")
    if budget is not None:
        budget = integer(0, 2**63 - 1)(budget, f"{name}.budget_tokens", model)
    return kind == "enabled", budget  # type: ignore[return-value]


def logit_bias(value: object, name: str, model: Model) -> tuple[tuple[int, float], ...]:
    """Pairs (token id, bias), by id. Whether an id is in the vocabulary only the engine can tell."""
    fields = _object(value, name)
    pairs: dict[int, float] = {}
    for key, bias in fields.items():
        if not key.isascii() or not key.isdigit() or len(key) > 10:
            refuse(name, "an object whose keys are token ids (integers of at least 0)", key)
        if int(key) in pairs:
            raise InvalidRequest(f"{name} must name a token once, got {int(key)} twice", param=name)
        if bias is not None:
            pairs[int(key)] = number(-100, 100)(bias, f"{name}.{key}", model)  # type: ignore[assignment]
    return tuple(sorted(pairs.items()))


def accepted(value: object, name: str, model: Model) -> object:
    """Anything: the field is accepted and unused."""
    return value


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    return value if isinstance(value, int) else None


def _object(value: object, name: str, known: set[str] | None = None) -> dict[str, object]:
    if not isinstance(value, dict):
        refuse(name, "an object", value)
    for key in value:
        if known is not None and key not in known:
            allowed = ", ".join(sorted(known))
            raise InvalidRequest(f"{name} may hold {allowed}, got {shown(key)}", param=f"{name}.{key[:64]}")
    return value
