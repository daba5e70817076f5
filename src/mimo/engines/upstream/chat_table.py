"""Parameter × engine where a request holds media: it goes by the engine's chat route, which renders, samples and
splits by itself. One literal table, with the cells of `table.py` where the same is sent; docs/engines.md is printed
from it.

Read in the sources of vLLM 0.32, SGLang and llama.cpp. Run for real with images on llama-server, and with nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from mimo.contract.media import DEFAULT_FPS, MEDIA, megabytes
from mimo.contract.request import ChatRequest
from mimo.engines.upstream.chat import parts
from mimo.engines.upstream.columns import Cell, Refusal, Table, ours
from mimo.engines.upstream.hosted import cells as hosted
from mimo.engines.upstream.table import ENGINES, TABLE
from mimo.types import Media, MediaKind

OWN = ("llama-server", "vllm", "sglang")
"""Engines that have a raw route too, and a tokenizer here."""


def _params(cell: Cell) -> Cell:
    """A cell of the raw routes' table that looks at names which `Params` has too."""
    send, refuse = cell.send, cell.refuse
    return replace(
        cell,
        send=None if send is None else lambda request: send(request.params),
        refuse=None if refuse is None else lambda request: refuse(request.params),
    )


def _same(name: str) -> dict[str, Cell]:
    """As on the raw routes."""
    return {engine: _params(TABLE[name][engine]) for engine in OWN}


def _never(why: str, condition: Callable[[ChatRequest], object]) -> dict[str, Cell]:
    """Refused on all of them."""
    return dict.fromkeys(OWN, Cell("refused", why, refuse=lambda request: why if condition(request) else None))


def _each(kind: MediaKind, wrong: Callable[[Media], str | None], field: str = "") -> Callable[[Any], Refusal | None]:
    """Why the first medium of `kind` that is `wrong` cannot be taken, under its own path."""

    def refuse(request: ChatRequest) -> Refusal | None:
        for media in request.media:
            if media.kind == kind and (why := wrong(media)) is not None:
                return Refusal(f"{media.path}{field}", why)
        return None

    return refuse


def _formats(kind: MediaKind, *taken: str) -> Callable[[Any], Refusal | None]:
    words = f"llama-server reads {', '.join(taken)}; convert it"
    return _each(kind, lambda media: None if media.format in taken else f"is {media.format}, and {words}")


def _too_large(media: Media) -> str | None:
    limit = MEDIA[media.kind].inline
    if media.size <= limit:
        return None
    return f"holds {megabytes(media.size)}, and the hosted API takes at most {megabytes(limit)} that it does not fetch"


def _one_rate(request: ChatRequest) -> Refusal | None:
    videos = [media for media in request.media if media.kind == "video"]
    other = next((media for media in videos if media.fps != videos[0].fps), None)
    return None if other is None else Refusal(f"{other.path}.fps", "vLLM looks at all videos of a request at one rate")


def _rate(request: ChatRequest) -> parts.Sent:
    rates = [media.fps for media in request.media if media.kind == "video"]
    return {"media_io_kwargs": {"video": {"fps": rates[0], "num_frames": -1}}} if rates else {}


def _json_format(request: ChatRequest) -> parts.Sent:
    wish = request.params.json_format
    if wish is None:
        return {}
    if wish.schema is None:
        return {"response_format": {"type": "json_object"}}
    schema = {"name": wish.name or "answer", "schema": wish.schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _strict(request: ChatRequest) -> str | None:
    words = "strict: beside media arguments cannot be held to a schema; leave it out"
    return words if hosted.holds_calls(request) else None


def _limit(name: str, more: str = "") -> Cell:
    def send(request: ChatRequest) -> parts.Sent:
        return {name: request.params.max_completion_tokens}

    return Cell("as is", f"`{name}`; counted by the engine{more}", send)


def _enable(request: ChatRequest) -> parts.Sent:
    return {"chat_template_kwargs": {"enable_thinking": request.params.thinking}}


def _fixed(sent: parts.Sent) -> Callable[[Any], parts.Sent]:
    return lambda request: sent


_KWARGS = "`chat_template_kwargs.enable_thinking`, always sent; needs `--reasoning-parser` to split the reasoning off"
_BIAS = "`logit_bias`: by token id"
_THINKING = {
    "llama-server": Cell("mapped", "`chat_template_kwargs.enable_thinking`, `reasoning_format`", lambda request: {
        **_enable(request), "reasoning_format": "deepseek"}),
    "vllm": Cell("mapped", _KWARGS, _enable),
    "sglang": Cell("mapped", _KWARGS, lambda request: {
        **_enable(request), "separate_reasoning": True}),
}  # fmt: skip
_USAGE = {"stream_options": {"include_usage": True}}
_MAX = "is set by the engine; leave media_resolution out"
_HELD = "beside media a choice cannot be forced; use auto or none"
_ALIAS = {engine: Cell("mapped", "an alias of max_completion_tokens") for engine in OWN}

_OWN: Table = MappingProxyType({
    "messages": {engine: Cell("mapped", "`messages`, with `reasoning_content` written back; text that spells a control "
        "token is refused: the engine would read it as one", parts.messages(engine)) for engine in OWN},
    "image": {
        "llama-server": Cell("mapped", "`image_url`, a data URI; webp refused",
            refuse=_formats("image", "jpeg", "png", "gif", "bmp")),
        "vllm": Cell("mapped", "`image_url`, a data URI"),
        "sglang": Cell("mapped", "`image_url`, a data URI"),
    },
    "audio": {
        "llama-server": Cell("mapped", "`input_audio`, base64; only mp3, wav, flac",
            refuse=_formats("audio", "mp3", "wav", "flac")),
        "vllm": Cell("mapped", "`audio_url`, a data URI"),
        "sglang": Cell("mapped", "`audio_url`, a data URI"),
    },
    "video": {
        "llama-server": Cell("mapped", "`input_video`, base64"),
        "vllm": Cell("mapped", "`video_url`, a data URI"),
        "sglang": Cell("mapped", "`video_url`, a data URI"),
    },
    "fps": {
        "llama-server": Cell("refused", f"a setting of its start: only {DEFAULT_FPS:g}, which it must be started with",
            refuse=_each("video", lambda media: None if media.fps == DEFAULT_FPS else
                f"llama-server looks at videos at the rate it was started with, for which {DEFAULT_FPS:g} stands here",
                ".fps")),
        "vllm": Cell("mapped", "`media_io_kwargs.video.fps`, with `num_frames: -1`; one for all videos of a request. "
            "MiMo's own processor in vLLM 0.32 counts a second a frame whatever the rate", _rate, _one_rate),
        "sglang": Cell("mapped", "`video_url.fps`"),
    },
    "media_resolution": dict.fromkeys(OWN, Cell("refused", "a setting of their start: only `default`",
        refuse=_each("video", lambda media: None if media.resolution == "default" else _MAX, ".media_resolution"))),
    "temperature": _same("temperature"),
    "top_p": _same("top_p"),
    "max_completion_tokens": {
        "llama-server": _limit("max_tokens"),
        "vllm": _limit("max_completion_tokens", ", which refuses what exceeds its window together with the prompt"),
        "sglang": _limit("max_completion_tokens"),
    },
    "max_tokens": _ALIAS,
    **{name: {
        "llama-server": _params(TABLE[name]["llama-server"]),
        "vllm": Cell("as is", f"`{name}`", hosted.plain(name)),
        "sglang": Cell("as is", f"`{name}`", hosted.plain(name)),
    } for name in ("frequency_penalty", "presence_penalty")},
    "stream": _same("stream"),
    "stream_options": {engine: Cell("ours", "the engine's own usage, always asked for", _fixed(_USAGE))
        for engine in OWN},
    "stop": {engine: ours("matched on visible content, then the request is closed") for engine in OWN},
    "thinking": _THINKING,
    "thinking.budget_tokens": _never("beside media a budget cannot be kept",
        lambda request: request.params.thinking_budget is not None),
    "reasoning_effort": _THINKING,
    "chat_template_kwargs": _THINKING,
    "seed": {
        "llama-server": _params(TABLE["seed"]["llama-server"]),
        "vllm": _params(TABLE["seed"]["vllm"]),
        "sglang": Cell("mapped", "`seed`: 31 bits derived from seed and choice; in force only under "
            "`--enable-deterministic-inference`", lambda request: {"seed": request.params.sampling.seed % 2**31}),
    },
    "n": _same("n"),
    "logprobs": _never("beside media they are not read", lambda request: request.params.sampling.logprobs is not None),
    "top_logprobs": {engine: Cell("refused", "as logprobs") for engine in OWN},
    "logit_bias": {
        "llama-server": Cell("mapped", "`logit_bias`: pairs", lambda request: {
            "logit_bias": list(request.params.sampling.logit_bias)}),
        "vllm": Cell("as is", _BIAS, lambda request: {"logit_bias": dict(request.params.sampling.logit_bias)}),
        "sglang": Cell("as is", _BIAS, lambda request: {"logit_bias": dict(request.params.sampling.logit_bias)}),
    },
    "tools": {
        "llama-server": Cell("as is", "`tools`, without `strict`; needs `--jinja`", hosted.tools, _strict),
        "vllm": Cell("as is", "`tools`, without `strict`; needs `--enable-auto-tool-choice --tool-call-parser`",
            hosted.tools, _strict),
        "sglang": Cell("as is", "`tools`, without `strict`; needs `--tool-call-parser`", hosted.tools, _strict),
    },
    "tool_choice": {engine: Cell("as is", "`auto`, `none`; others refused", hosted.tool_choice,
        lambda request: _HELD if hosted.forced_tools(request) else None) for engine in OWN},
    "parallel_tool_calls": {engine: ours("the request is closed after the first call") for engine in OWN},
    "response_format": {engine: Cell("as is", "`response_format`: the engine's own grammar", _json_format)
        for engine in OWN},
    "user": _same("user"),
    "metadata": _same("metadata"),
    "store": _same("store"),
    "what the contract lacks": _same("what the contract lacks"),
    "end of turn": {engine: ours("the engine's `finish_reason`") for engine in OWN},
})  # fmt: skip

_HOSTED: Mapping[str, Cell] = MappingProxyType({
    "image": Cell("as is", "`image_url`, a data URI", refuse=_each("image", _too_large)),
    "audio": Cell("as is", "`input_audio`, a data URI", refuse=_each("audio", _too_large)),
    "video": Cell("as is", "`video_url`, a data URI", refuse=_each("video", _too_large)),
    "fps": Cell("as is", "`fps` beside the video"),
    "media_resolution": Cell("as is", "`media_resolution` beside the video"),
})  # fmt: skip

CHAT_TABLE: Table = MappingProxyType({
    name: {**cells, "hosted": TABLE[name]["hosted"] if name in TABLE else _HOSTED[name]} for name, cells in _OWN.items()
})  # fmt: skip


def chat_column(engine: str) -> list[tuple[str, Cell]]:
    """The cells of one engine's chat route, by parameter."""
    assert engine in ENGINES
    return [(name, cells[engine]) for name, cells in CHAT_TABLE.items()]
