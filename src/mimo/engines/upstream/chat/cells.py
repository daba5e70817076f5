"""The cells that the columns of chat routes share: an engine that is given messages renders, samples and splits by
itself, so only what it can keep is sent and the rest refused.

`chat_column` is for an API that has nothing else; `media_column` for an engine with a raw route, whose chat route takes
the requests that hold media. Knows no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from mimo.contract.request import ChatRequest
from mimo.engines.upstream.chat.parts import Part, messages
from mimo.engines.upstream.columns import Body, Cell, Column, Refusal, ours, when
from mimo.types import Media, MediaKind, NamedTool

ChatCell = Cell[ChatRequest, ChatRequest]
ChatColumn = Column[ChatRequest, ChatRequest]


def chat_column(parts: Mapping[MediaKind, Part], cells: Mapping[str, ChatCell]) -> ChatColumn:
    """The column of a chat route: its own `cells`, and those that all share. `parts`: how it wants media written."""
    written: ChatCell = Cell("mapped", "`messages`, with `reasoning_content` written back", messages(parts))
    return Column({"messages": written, **_SHARED, **cells}, lambda given: given.params.sampling)


def media_column(parts: Mapping[MediaKind, Part], cells: Mapping[str, ChatCell]) -> ChatColumn:
    """As `chat_column`, for an engine that has a raw route too, and a tokenizer here."""
    how = "`messages`, with `reasoning_content` written back; text that spells a control token is refused: the engine "
    written: ChatCell = Cell("mapped", f"{how}would read it as one", messages(parts))
    return chat_column(parts, {"messages": written, **_BESIDE_MEDIA, **cells})


def on_params(cell: Cell[Any, Any]) -> ChatCell:
    """A cell of a raw route, which looks at names that `Params` has too."""
    send, refuse = cell.send, cell.refuse
    return replace(
        cell,
        send=None if send is None else lambda request: send(request.params),
        refuse=None if refuse is None else lambda request: refuse(request.params),
    )


def plain(name: str) -> Callable[[ChatRequest], Body]:
    """Sends a parameter under its own name."""

    def send(request: ChatRequest) -> Body:
        params = request.params
        return {name: getattr(params.sampling if hasattr(params.sampling, name) else params, name)}

    return send


def limit(field: str, more: str = "") -> ChatCell:
    """`max_completion_tokens` under the engine's name for it."""
    how = f"`{field}`; counted by the engine{more}"
    return Cell("as is", how, lambda request: {field: request.params.max_completion_tokens})


def enable_thinking(request: ChatRequest) -> Body:
    """The switch for the engine's template, always written out: its default differs between templates."""
    return {"chat_template_kwargs": {"enable_thinking": request.params.thinking}}


def tools(request: ChatRequest) -> Body:
    """Function tools, left out with `tool_choice: none`."""
    if not request.params.tools or request.params.tool_choice == "none":
        return {}
    rows = [
        {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
        for tool in request.params.tools
    ]
    return {"tools": [{"type": "function", "function": row} for row in rows]}


def tool_choice(request: ChatRequest) -> Body:
    """`auto`, where there are tools to choose from."""
    return {"tool_choice": "auto"} if tools(request) else {}


def forced(request: ChatRequest) -> bool:
    """Whether a call must be made."""
    choice = request.params.tool_choice
    return bool(request.params.tools) and (choice == "required" or isinstance(choice, NamedTool))


def any_strict(request: ChatRequest) -> bool:
    """Whether a function that may be called is strict."""
    return request.params.tool_choice != "none" and any(tool.strict for tool in request.params.tools)


strict = when(any_strict, "strict: with media arguments cannot be constrained to a schema; leave it out")
"""Refuses strict functions."""


def each(
    kind: MediaKind, wrong: Callable[[Media], str | None], field: str = ""
) -> Callable[[ChatRequest], Refusal | None]:
    """Why the first medium of `kind` that is `wrong` cannot be taken, under its own path."""

    def refuse(request: ChatRequest) -> Refusal | None:
        for media in request.media:
            if media.kind == kind and (why := wrong(media)) is not None:
                return Refusal(f"{media.path}{field}", why)
        return None

    return refuse


def formats(kind: MediaKind, *taken: str) -> Callable[[ChatRequest], Refusal | None]:
    """Refuses media of `kind` in other formats than those `taken`."""
    words = f"the upstream reads {', '.join(taken)}; convert it"
    return each(kind, lambda media: None if media.format in taken else f"is {media.format}, and {words}")


def _schema(request: ChatRequest) -> Body:
    wanted = request.params.json_format
    if wanted is None:
        return {}
    if wanted.schema is None:
        return {"response_format": {"type": "json_object"}}
    schema = {"name": wanted.name or "answer", "schema": wanted.schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


THINKING: ChatCell = Cell(
    "mapped",
    "`chat_template_kwargs.enable_thinking`, always sent; needs `--reasoning-parser` to split the reasoning off",
    enable_thinking,
)
BIAS: ChatCell = Cell(
    "as is", "`logit_bias`: by token id", lambda request: {"logit_bias": dict(request.params.sampling.logit_bias)}
)


def _never(why: str, condition: Callable[[ChatRequest], object]) -> ChatCell:
    return Cell("refused", why, refuse=when(condition, why))


_ENDS = "a chat route ends a turn where its model does; leave it out"
_UNUSED = ours("accepted, unused, not forwarded")
_SHARED: Mapping[str, ChatCell] = MappingProxyType({
    "stream": Cell("ours", "always streamed from there; collected if the client wants it whole",
        lambda request: {"stream": True}),
    "stream_options": Cell("ours", "the API's own usage, always asked for",
        lambda request: {"stream_options": {"include_usage": True}}),
    "stop": ours("matched on visible content, then the request is closed"),
    "ignore_eos": _never(_ENDS, lambda request: request.params.ignore_eos),
    "min_tokens": _never(_ENDS, lambda request: request.params.min_tokens),
    "n": Cell("mapped", "n requests at once, each with a seed of its own"),
    "parallel_tool_calls": ours("the request is closed after the first call"),
    "user": _UNUSED,
    "metadata": _UNUSED,
    "store": _UNUSED,
})  # fmt: skip


_MAX = "is set by the engine; leave media_resolution out"
_BESIDE_MEDIA: Mapping[str, ChatCell] = MappingProxyType({
    "media_resolution": Cell("refused", "a setting of its start: only `default`",
        refuse=each("video", lambda media: None if media.resolution == "default" else _MAX, ".media_resolution")),
    "max_tokens": Cell("mapped", "an alias of max_completion_tokens"),
    "stream_options": replace(_SHARED["stream_options"], how="the engine's own usage, always asked for"),
    "thinking.budget_tokens": _never("with media a budget cannot be kept",
        lambda request: request.params.thinking_budget is not None),
    "logprobs": _never("with media they are not read", lambda request: request.params.sampling.logprobs is not None),
    "top_logprobs": Cell("refused", "as logprobs"),
    "tool_choice": Cell("as is", "`auto`, `none`; others refused", tool_choice,
        when(forced, "with media a choice cannot be forced; use auto or none")),
    "response_format": Cell("as is", "`response_format`: the engine's own grammar", _schema),
    "end of turn": ours("the engine's `finish_reason`"),
})  # fmt: skip
