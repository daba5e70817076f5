"""The cells that the columns of raw routes share: token ids go there and token ids come back, so most is ours.

Knows no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mimo.engines.upstream.columns import Body, Cell, Column, at, ours, when
from mimo.engines.upstream.raw.request import RawRequest
from mimo.types import TokenRequest

RawCell = Cell[TokenRequest, RawRequest]
RawColumn = Column[TokenRequest, RawRequest]


def raw_column(cells: Mapping[str, RawCell]) -> RawColumn:
    """The column of an engine with a raw route: its own `cells`, and those that all share."""
    return Column({**_SHARED, **cells}, lambda given: given.sampling)


def temperature(request: RawRequest) -> Body:
    """The temperature; 0 where top_p is 0, which takes the same token."""
    return {"temperature": request.sampling.temperature if request.sampling.top_p > 0 else 0.0}


def _top_p(request: RawRequest) -> Body:
    return {"top_p": request.sampling.top_p if request.sampling.top_p > 0 else 1.0}


def limit(field: str) -> RawCell:
    """`max_completion_tokens` under the engine's name for it."""
    how = f"`{field}`, at most the room in the window; counted by us"
    return Cell("mapped", how, lambda request: {field: request.max_tokens})


def in_parts(given: TokenRequest) -> bool:
    """Whether it takes several requests to the engine."""
    opens = 0 < given.min_tokens < given.max_completion_tokens
    return opens or (given.constrain is not None and given.constrain.changes)


def _penalty(name: str) -> RawCell:
    why = (
        "together with thinking.budget_tokens, min_tokens or a grammar it cannot be kept by this engine: it counts "
        "anew in every request that these need; leave one of them out, or let the operator start mimo with "
        "--exact-penalties"
    )
    how = f"`{name}`. Not together with a thinking budget, min_tokens or a grammar, unless `--exact-penalties`."
    return Cell("as is", how, at(name), when(lambda given: getattr(given.sampling, name) and in_parts(given), why))


def switched_off(how: str, body: Body) -> RawCell:
    """What the contract lacks, at the values that turn it off."""
    return Cell("mapped", f"switched off: {how}", _fixed(body))


def _fixed(body: Body) -> Callable[[RawRequest], Body]:
    return lambda request: body


PENALTIES: Mapping[str, RawCell] = MappingProxyType(
    {name: _penalty(name) for name in ("frequency_penalty", "presence_penalty")}
)
LOGIT_BIAS: RawCell = Cell(
    "as is", "`logit_bias`", lambda request: {"logit_bias": request.biases} if request.biases else {}
)
STOP_IDS: RawCell = Cell("mapped", "`stop_token_ids`; known by id", lambda request: {"stop_token_ids": request.end_ids})

_GRAMMAR = ours("our grammar: a token that it does not allow is drawn again under it")
_THINKING = ours("the tail of the prompt")
_UNUSED = ours("accepted, unused, not forwarded")
_SHARED: Mapping[str, RawCell] = MappingProxyType({
    "top_p": Cell("as is", "`top_p`; 0 is sent as temperature 0, which takes the same token", _top_p),
    "max_tokens": Cell("mapped", "an alias of max_completion_tokens"),
    "stream": Cell("ours", "always streamed from there; collected if the client wants it whole",
        _fixed({"stream": True})),
    "stream_options": ours("counted from the ids"),
    "stop": ours("matched on visible content, then the request is closed"),
    "thinking": _THINKING,
    "thinking.budget_tokens": ours("the request is closed at the limit and goes on after `</think>`"),
    "reasoning_effort": _THINKING,
    "chat_template_kwargs": _THINKING,
    "n": Cell("mapped", "n requests at once, each with a seed of its own"),
    "top_logprobs": Cell("mapped", "as logprobs"),
    "ignore_eos": Cell("mapped", "tokens that end the turn are banned by `logit_bias`"),
    "min_tokens": Cell("mapped", "they are banned until then, and a second request goes on"),
    "tools": ours("in the prompt; calls are read by us"),
    "tool_choice": _GRAMMAR,
    "parallel_tool_calls": ours("the request is closed after the first call"),
    "response_format": _GRAMMAR,
    "user": _UNUSED,
    "metadata": _UNUSED,
    "store": _UNUSED,
})  # fmt: skip
