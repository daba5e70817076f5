"""What the decoders of all protocols share: fields under other names, fields that nobody knows, and headers from both.

A protocol names some parameters in its own way. Its decoder builds the fields of the parameters table and lets
`resolve` check them; an error that comes back names the client's field again. Knows no protocol.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from mimo.api.policy import Policy
from mimo.api.protocols.shapes import Reading
from mimo.contract.errors import ApiError, InvalidRequest, UnsupportedParameter
from mimo.contract.json_schema.schema import LARK
from mimo.contract.models import Model, find_model
from mimo.contract.parameters import PARAMETERS
from mimo.contract.request import ChatRequest, Params
from mimo.contract.resolve import resolve
from mimo.contract.rows import Parameter
from mimo.generate.request import TextRequest

Q = TypeVar("Q", bound=ChatRequest | TextRequest)
HEADER_LIMIT = 1024
"""The most characters of a header that repeats what a client sent."""


EVERYWHERE: Mapping[str, str] = {name: name for name, row in PARAMETERS.items() if row.everywhere}
"""The fields that are parameters under the same name on every protocol."""
_REPORTED = {name: row.field for name, row in PARAMETERS.items() if row.flag and row.type in ("number", "integer")}
_PARAMETERS = "; ".join(f"{name}={{}}" for name in _REPORTED)
_values = attrgetter(*_REPORTED.values())


class Decoded(Struct, Generic[Q], frozen=True):
    """The request, the unknown fields, and things worth a notice. `names`: what `wire_names` takes for this request,
    where it is not what its protocol has."""

    request: Q
    ignored: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    names: Mapping[str, str] = {}

    def response_headers(self, repeatable: str | None = None) -> list[tuple[str, str]]:
        """The parameters in force, what their seed is worth where that is known, the fields that were ignored, and the
        notices."""
        lines = [("x-mimo-parameters", parameters_header(self.request.params, repeatable))]
        for name, words in (("x-mimo-ignored", self.ignored), ("x-mimo-notice", self.notices)):
            if words:
                lines.append((name, header_list(words)))
        return lines


def parameters_header(params: Params, repeatable: str | None = None) -> str:
    """What was really used, as the `x-mimo-parameters` header says it."""
    words = f"{_PARAMETERS.format(*_values(params))}; thinking={'enabled' if params.thinking else 'disabled'}"
    if params.thinking_budget is not None:
        words += f"; thinking_budget_tokens={params.thinking_budget}"
    if params.ignore_eos:
        words += "; ignore_eos=true"
    if params.min_tokens:
        words += f"; min_tokens={params.min_tokens}"
    if repeatable is not None:
        words += f"; repeatable={repeatable}"
    return words


class wire_names:
    """A context that raises an `ApiError` about a field again under the client's name for it: `names` maps ours to the
    client's.

    A name is the beginning of a path (`stop`, `tools[].function`, where `[]` is any index); the first that fits counts.
    """

    __slots__ = ("_names",)

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, ApiError) or (ours := error.param) is None:
            return
        if (theirs := rename(ours, self._names)) != ours:
            same = _same_end(ours, theirs)  # which the message may leave out
            message = error.message.replace(ours[: len(ours) - same], theirs[: len(theirs) - same], 1)
            raise error.about(theirs, message) from None


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


def reasoning_notices(missing: Mapping[str, str], params: Params, policy: Policy) -> list[str]:
    """Notices for the turns that call tools and come back without their reasoning.

    `missing`: the path of each such turn → what is missing there.
    Only with thinking on. Raises `InvalidRequest` where the operator requires the reasoning (contract section 3).
    """
    if not params.thinking:
        return []
    for path, what in missing.items():
        if policy.require_reasoning_passback:
            raise InvalidRequest(f"{what} is required: with thinking on it must be passed back", param=path)
    return [f"{what} is missing; the model does not see what it thought" for what in missing.values()]


def without_thinking(decoded: Decoded[Q]) -> Decoded[Q]:
    """`decoded` for a model that knows no thinking: it is off, and reported as left out where the client asked for it
    and it is not just the default of the model's name."""
    params = decoded.request.params
    off = replace(params, thinking=False, thinking_budget=None)
    request = replace(decoded.request, params=off)
    left_out = ("thinking",) if params.thinking_given else ()
    return replace(decoded, request=request, ignored=(*decoded.ignored, *left_out))


def with_spelled_tools(decoded: Decoded[Q], policy: Policy) -> Decoded[Q]:
    """`decoded` for a model whose template has no place for functions: they are text, which a notice says. Raises
    `UnsupportedParameter` where the operator is strict."""
    words = "the model's chat template has no place for tools"
    if policy.strict:
        raise UnsupportedParameter(f"tools: {words}", param="tools")
    notice = f"{words}: functions, calls and results are written as text"
    return replace(decoded, notices=(*decoded.notices, notice))


def with_reports(decoded: Decoded[Q], paths: Sequence[str], names: Mapping[str, str], policy: Policy) -> Decoded[Q]:
    """`decoded` with the rules of schemas reported that are not enforced in calls. Raises `InvalidRequest` where the
    operator is strict."""
    if policy.strict:
        raise InvalidRequest(f"{paths[0]} cannot be followed in a schema that constrains the output", param=paths[0])
    return replace(decoded, ignored=(*decoded.ignored, *(rename(path, names) for path in paths)))


def without_texts(decoded: Decoded[Q], policy: Policy) -> Decoded[Q]:
    """`decoded` for a model whose calls cannot be constrained by a grammar of their own (`LARK`): those texts are free,
    and reported. Raises `UnsupportedParameter` where the operator is strict."""
    params, left_out, tools = decoded.request.params, [], []
    for at, tool in enumerate(params.tools):
        properties = tool.parameters.get("properties")
        held = [key for key, part in properties.items() if _has_lark(part)] if isinstance(properties, Mapping) else []
        left_out += [f"tools[{at}].function.parameters.properties.{key[:64]}.{LARK}" for key in held]
        if held and isinstance(properties, Mapping):
            free = {key: {name: properties[key][name] for name in properties[key] if name != LARK} for key in held}
            schema = {**tool.parameters, "properties": {**properties, **free}}
            forced = tool.enforced and params.tool_choice != "auto"
            tool = dataclasses.replace(tool, parameters=schema, strict=False, enforced=forced, followed=None)
        tools.append(tool)
    paths = tuple(rename(path, decoded.names) for path in left_out)
    if policy.strict:
        words = f"{paths[0]}: the calls of this model cannot be held to a grammar"
        raise UnsupportedParameter(words, param=paths[0])
    request = replace(decoded.request, params=replace(params, tools=tuple(tools)))
    return replace(decoded, request=request, ignored=(*decoded.ignored, *paths))


def _has_lark(schema: object) -> bool:
    return isinstance(schema, Mapping) and LARK in schema


def resolve_fields(
    ours: Mapping[str, object],
    reading: Reading,
    policy: Policy,
    names: Mapping[str, str],
    rows: Mapping[str, Parameter] | None = None,
) -> Params:
    """The parameters of `ours`, fields of the parameters table; what is unknown in them is added to what `reading`
    ignored. Paths and errors are under the client's `names`; `rows`: as `resolve` has them."""
    with wire_names(names):
        resolved = resolve(ours, reading.model, strict=policy.strict, rows=rows or {})
    reading.ignored += [rename(report, names) for report in resolved.ignored]
    return resolved.params


def refuse_ignored(ignored: Sequence[str], policy: Policy) -> None:
    """Raise `InvalidRequest` for the first of the unknown fields where the operator is strict about them."""
    if ignored and policy.strict:
        raise InvalidRequest(f"unknown field {ignored[0]!r}", param=ignored[0])


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
