"""What the decoders of all protocols share: fields under other names, fields that nobody knows, and headers from both.

A protocol names some parameters in its own way. Its decoder builds the fields of the parameters table and lets
`resolve` check them; an error that comes back names the client's field again. Knows no protocol.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mimo.contract.errors import ApiError, InvalidRequest
from mimo.contract.models import Model, find_model
from mimo.contract.request import ChatRequest, Params
from mimo.contract.resolve import describe
from mimo.types import Message

HEADER_LIMIT = 1024
"""The most characters a header made from a client's own words may have."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How lenient the operator is: `strict` refuses unknown fields, `require_reasoning_passback` lost reasoning;
    `media_urls` lets media be named by URL."""

    strict: bool = False
    require_reasoning_passback: bool = False
    media_urls: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """The request, the unknown fields, and things worth a notice."""

    request: ChatRequest
    ignored: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    def headers(self) -> list[tuple[str, str]]:
        """What was really used, what was not, and what is missing, as response headers."""
        return told(self.request.params, self.ignored, self.notices)


def told(params: Params, ignored: tuple[str, ...] = (), notices: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """What was really used, what was not, and what is missing, as response headers."""
    lines = [("x-mimo-parameters", describe(params))]
    for name, words in (("x-mimo-ignored", ignored), ("x-mimo-notice", notices)):
        if words:
            lines.append((name, header_list(words)))
    return lines


@contextmanager
def renamed(names: Mapping[str, str]) -> Iterator[None]:
    """Raise an `ApiError` about a field again under the client's name for it: `names` maps ours to the client's.

    A name is the beginning of a path (`stop`, `tools[]function`, where `[]` is any index), the first that fits counts.
    """
    try:
        yield
    except ApiError as error:
        ours = error.param
        theirs = None if ours is None else rename(ours, names)
        if ours is None or theirs is None or theirs == ours:
            raise
        same = _same_end(ours, theirs)  # which the message may leave out
        message = error.message.replace(ours[: len(ours) - same], theirs[: len(theirs) - same], 1)
        raise type(error)(message, param=theirs, headers=error.headers) from None


def rename(path: str, names: Mapping[str, str]) -> str:
    """`path` under the client's name."""
    head, bracket, tail = path.partition("[")
    index, closing, rest = tail.partition("].")
    for ours, theirs in names.items():
        start, any_index, after = ours.partition("[].")
        if any_index:
            if bracket and closing and head == start and _begins(rest, after):
                return f"{theirs.replace('[]', f'[{index}]', 1)}{rest[len(after) :]}"
        elif _begins(path, ours):
            return theirs + path[len(ours) :]
    return path


def _same_end(one: str, other: str) -> int:
    """How many characters both end with."""
    pairs = enumerate(zip(reversed(one), reversed(other), strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _begins(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}["))


def unknown(fields: Mapping[str, object], known: Collection[str], strict: bool, path: str = "") -> list[str]:
    """The names in `fields` that are not `known`, each with the nearest one that is; `strict` refuses them."""
    reports: list[str] = []
    for name in fields:
        if name in known:
            continue
        near = difflib.get_close_matches(name[:64], known, n=1, cutoff=0.75) if len(reports) < 20 else []
        reports.append(f"{path}{name[:64]}; did you mean {near[0]}?" if near else f"{path}{name[:64]}")
        if strict:
            raise InvalidRequest(f"unknown field {reports[0]!r}", param=f"{path}{name[:64]}")
    return reports


def passed_back(messages: Sequence[Message], params: Params, wishes: Wishes, field: str) -> list[str]:
    """A notice when a turn of `messages` that calls tools does not bring its reasoning back, with thinking on.

    Raises `InvalidRequest` naming `field` where the operator requires it (contract section 3).
    """
    lost = sum(bool(message.tool_calls) and not message.reasoning_content for message in messages)
    if not params.thinking or not lost:
        return []
    if wishes.require_reasoning_passback:
        words = f"{field} must bring back the reasoning of every turn that calls tools: {lost} lack it"
        raise InvalidRequest(words, param=field)
    return [f"{field} lack the reasoning of turns that call tools: {lost}; the model does not see what it thought"]


def requested_model(fields: Mapping[str, object], models: Mapping[str, Model]) -> Model:
    """The row of the `model` field. Raises `InvalidRequest` when it is missing, `NotFound` when unknown."""
    name = fields.get("model")
    if not isinstance(name, str) or not name:
        came = "" if name is None else ", got something else"
        raise InvalidRequest(f"model is required: one of {', '.join(models)}{came}", param="model")
    return find_model(name, models)


def header_list(words: tuple[str, ...]) -> str:
    """`words` with commas between, in printable ASCII, cut to `HEADER_LIMIT` characters."""
    text = ""
    for at, word in enumerate(words):
        safe = "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() for c in word)
        if len(text) + len(safe) > HEADER_LIMIT - 40:
            return f"{text}, and {len(words) - at} more" if text else f"{safe[: HEADER_LIMIT - 40]}..."
        text = f"{text}, {safe}" if text else safe
    return text
