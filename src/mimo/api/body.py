"""Bytes of a body → one JSON object, or a 400 that says what is wrong and, where there is one, in which field.

Strict JSON in UTF-8: no NaN, no lone surrogates, no number beyond a double. Knows no field names.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import msgspec

from mimo.contract.errors import InvalidRequest, shown


def decode_object(body: bytes) -> dict[str, object]:
    """The JSON object in `body`. Raises `InvalidRequest`."""
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply") from None
    except (ValueError, msgspec.MsgspecError) as problem:
        raise _explained(body, problem) from None
    if not isinstance(value, dict):
        raise InvalidRequest(f"the body must be a JSON object, got {shown(value)}")
    return value


def _explained(body: bytes, problem: Exception) -> InvalidRequest:
    """Look again with a decoder that lets more through, to find the field that spoils it."""
    if not body.strip():
        return InvalidRequest("the body must be a JSON object, got nothing")
    try:
        value = json.loads(body.decode(errors="surrogatepass"))  # lets lone surrogates and NaN through
    except RecursionError:
        return InvalidRequest("the body is nested too deeply")
    except UnicodeDecodeError as error:
        return InvalidRequest(f"the body must be UTF-8: {error.reason} at byte {error.start}")
    except json.JSONDecodeError as error:
        return InvalidRequest(f"the body must be JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except ValueError:
        return InvalidRequest("the body holds a number that is too long")
    try:
        path, fault = next(_faults(value, ""), (None, None))
    except RecursionError:
        return InvalidRequest("the body is nested too deeply")
    if fault is None:
        return InvalidRequest(f"the body must be JSON in UTF-8: {problem}")
    return InvalidRequest(f"{path or 'the body'} {fault}", param=path or None)


def _faults(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path, f"must be a finite number, got {shown(value)}"
    elif isinstance(value, str) and _has_surrogate(value):
        yield path, f"must be text without lone surrogates, got {shown(value)}"
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _faults(item, f"{path}[{at}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            if _has_surrogate(name):
                yield path, f"has a field name with a lone surrogate, {shown(name)}"
            yield from _faults(item, f"{path}.{name[:64]}" if path else name[:64])


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
