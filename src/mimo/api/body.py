"""Bytes of a body → one JSON object, or a 400 that says what is wrong and, where there is one, in which field.

Strict JSON in UTF-8: no NaN, no lone surrogates, no number beyond a double, no name twice in an object, and no more
values than can be decoded while others wait. Knows no field names.
"""

from __future__ import annotations

import codecs
import json
import math
from collections import Counter

import msgspec

from mimo.api.values import DIGITS, MOST, look, names_in
from mimo.contract.errors import InvalidRequest, RequestTooLarge, shown


def decode_object(body: bytes) -> dict[str, object]:
    """The JSON object in `body`. Raises `InvalidRequest`; `RequestTooLarge` for more than `MOST` values and names."""
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        value = _decoded(body) if len(body) < LARGE else _decoded_large(body)
    except _TooLong:
        raise InvalidRequest(_TOO_LONG) from None
    except _Twice as problem:
        raise InvalidRequest(f"the body holds {shown(problem.args[0])} twice in one object; send it once") from None
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply") from None
    except (ValueError, msgspec.MsgspecError) as problem:
        raise _explained(body, problem) from None
    if not isinstance(value, dict):
        raise InvalidRequest(f"the body must be a JSON object, got {shown(value)}")
    return value


LARGE = 2**16
"""Bytes from which on a body is decoded with a thought for the threads that wait meanwhile."""
_EXPLAINED = 2**19
"""Bytes up to which a second look is taken for the name of what is wrong: in that no other thread has its turn."""
_TOO_LONG = "the body holds a number that is too long"


class _TooLong(ValueError):
    """An integer beyond a double: thousands of them take long to make."""


def _short(digits: str) -> None:
    """Raise `_TooLong`."""
    if len(digits) > DIGITS:
        raise _TooLong


class _Twice(ValueError):
    """A name that stands twice in one object: which of its values counts, JSON does not say."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The object of `pairs`. Raises `_Twice`."""
    made = dict(pairs)
    if len(made) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise _Twice(next(name for name, count in counts.items() if count > 1))
    return made


_SPACE = " \t\n\r"
_ONCE = json.JSONDecoder(object_pairs_hook=_once, parse_int=_short, parse_float=len)
"""Decodes for the names alone."""


def _decoded(body: bytes) -> object:
    """The value in `body`. Raises `_Twice` and `_TooLong`, and what the decoders do."""
    _ONCE.raw_decode(body.decode().lstrip(_SPACE))
    return msgspec.json.decode(body)


def _decoded_large(body: bytes) -> object:
    """The same, by the faster decoder alone where that is enough: the other one takes several times as long, in which
    no thread has its turn. Raises `RequestTooLarge` too."""
    found = look(body)
    if found.values > MOST:
        raise RequestTooLarge(f"the body must hold at most {MOST:,} values and names of fields")
    if found.long:
        return _decoded(body)
    value = msgspec.json.decode(body)
    if names_in(value) == found.names:
        return value
    if len(body) < _EXPLAINED:
        return _decoded(body)
    raise InvalidRequest("the body holds a name twice in one object; send it once")


def _explained(body: bytes, problem: Exception) -> InvalidRequest:
    """Decode again, more leniently, to find the field that is at fault; not where that takes long."""
    if not body.strip():
        return InvalidRequest("the body must be a JSON object, got nothing")
    if len(body) > _EXPLAINED:
        return InvalidRequest(f"the body must be JSON in UTF-8: {problem}")
    try:
        value = json.loads(body.decode(errors="surrogatepass"))  # lets lone surrogates and NaN through
    except RecursionError:
        return InvalidRequest("the body is nested too deeply")
    except UnicodeDecodeError as error:
        return InvalidRequest(f"the body must be UTF-8: {error.reason} at byte {error.start}")
    except json.JSONDecodeError as error:
        return InvalidRequest(f"the body must be JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except ValueError:
        return InvalidRequest(_TOO_LONG)
    try:
        found = _fault(value)
    except RecursionError:
        return InvalidRequest("the body is nested too deeply")
    if found is None:
        return InvalidRequest(f"the body must be JSON in UTF-8: {problem}")
    path = found[0].removeprefix(".")
    return InvalidRequest(f"{path or 'the body'} {found[1]}", param=path or None)


def _fault(value: object) -> tuple[str, str] | None:
    """Path (".a[0]") of the first bad value and what is wrong with it. Fast: a body may hold millions of values."""
    if isinstance(value, float) and not math.isfinite(value):
        return "", f"must be a finite number, got {shown(value)}"
    if isinstance(value, str) and _has_surrogate(value):
        return "", f"must be text without lone surrogates, got {shown(value)}"
    if isinstance(value, list):
        for at, item in enumerate(value):
            if type(item) is not int and (found := _fault(item)) is not None:
                return f"[{at}]{found[0]}", found[1]
    elif isinstance(value, dict):
        for name, item in value.items():
            if _has_surrogate(name):
                return "", f"has a field name with a lone surrogate, {shown(name)}"
            if (found := _fault(item)) is not None:
                return f".{name[:64]}{found[0]}", found[1]
    return None


def _has_surrogate(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
