"""What a value may be: each check returns the concrete value or raises `InvalidRequest`.

One grammar for every message: "<path> must be <what is allowed>, got <what came>". The bounds are given by the rows
(`rows.py`); none stands here.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NoReturn

from mimo.contract.errors import InvalidRequest, shown


def refuse(path: str, allowed: str, value: object) -> NoReturn:
    """Raise the 400 of a value that is not allowed."""
    raise InvalidRequest(f"{path} must be {allowed}, got {shown(value)}", param=path)


def number(value: object, path: str, minimum: float, maximum: float) -> float:
    """A JSON number within inclusive bounds; never a string, a boolean or NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(path, f"a number between {minimum} and {maximum}", value)
    if not (minimum <= value <= maximum):  # NaN fails too
        refuse(path, f"between {minimum} and {maximum}", value)
    return float(value)


def integer(value: object, path: str, minimum: float, maximum: float, whose: str = "") -> int:
    """A JSON integer within inclusive bounds (1e3 is one, 0.5 is not). `whose`: " for MODEL", where it has its own."""
    allowed = f"between {minimum} and {maximum}{whose}"
    whole = _whole(value)
    if whole is None:
        refuse(path, f"an integer {allowed}", value)
    if not (minimum <= whole <= maximum):
        refuse(path, allowed, value)
    return whole


def boolean(value: object, path: str) -> bool:
    """`true` or `false`."""
    if not isinstance(value, bool):
        refuse(path, "true or false", value)
    return value


def one_of(value: object, path: str, words: Collection[str]) -> str:
    """One of the `words`, exactly."""
    if not isinstance(value, str) or value not in words:
        refuse(path, f"one of {', '.join(words)}", value)
    return value


def texts(value: object, path: str, most: int) -> tuple[str, ...]:
    """A string, or one to `most` non-empty ones, each once; the empty array means none."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or len(given) > most:
        refuse(path, f"null, a non-empty string, or an array of 1 to {most} non-empty strings", value)
    for at, text in enumerate(given):
        if not isinstance(text, str) or not text:
            refuse(path if text is value else f"{path}[{at}]", "a non-empty string", text)
    return tuple(dict.fromkeys(given))


def token_numbers(value: object, path: str, minimum: float, maximum: float) -> tuple[tuple[int, float], ...]:
    """Pairs (token id, number), by id. Whether an id is in the vocabulary only the engine can tell."""
    pairs: dict[int, float] = {}
    for key, given in mapping(value, path).items():
        if not key.isascii() or not key.isdigit() or len(key) > 10:
            refuse(path, "an object whose keys are token ids (integers of at least 0)", key)
        if int(key) in pairs:
            raise InvalidRequest(f"{path} must name a token once, got {int(key)} twice", param=path)
        if given is not None:
            pairs[int(key)] = number(given, f"{path}.{key}", minimum, maximum)
    return tuple((token, pairs[token]) for token in sorted(pairs))  # pairs would be compared one by one


def mapping(value: object, path: str) -> dict[str, object]:
    """A JSON object."""
    if not isinstance(value, dict):
        refuse(path, "an object", value)
    return value


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    return value if isinstance(value, int) else None
