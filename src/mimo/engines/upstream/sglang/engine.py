"""SGLang by POST /generate: token ids in, token ids out, the sampling fields one level down.

Not run against a real server: written from its sources, tested with answers of their shape. Its `output_ids` are
everything so far, unless it runs with `--incremental-streaming-output`; the count that comes with them says which.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mimo.contract.errors import UpstreamError
from mimo.engines.upstream.http import errors
from mimo.engines.upstream.http.client import Client
from mimo.engines.upstream.options import RawOptions
from mimo.engines.upstream.raw.engine import RawEngine, start_raw
from mimo.engines.upstream.raw.request import ENDS, RawEvent, RawRequest, or_nothing, sorted_logprob
from mimo.engines.upstream.raw.route import RawRoute, UpstreamModel
from mimo.engines.upstream.sglang.column import COLUMN, MEDIA_COLUMN
from mimo.types import TokenLogprob

_TOP = ("input_ids", "stream", "return_logprob", "top_logprobs_num")
_Row = tuple[float | None, int, str | None]


class _Finish(msgspec.Struct):
    type: str
    message: str | None = None


class _Meta(msgspec.Struct):
    completion_tokens: int = 0
    cached_tokens: int | None = None
    finish_reason: _Finish | None = None
    output_token_logprobs: list[_Row] = []
    output_top_logprobs: list[list[_Row] | None] = []
    input_token_logprobs: list[_Row] = []
    input_top_logprobs: list[list[_Row] | None] | None = None


class _Event(msgspec.Struct):
    output_ids: list[int] = []
    meta_info: _Meta | None = None
    error: object = None


_decode = msgspec.json.Decoder(_Event).decode


Options = RawOptions


async def start(options: RawOptions, on_progress: object = None) -> RawEngine:
    """Find it and load its tokenizer. Raises `EngineError`."""
    return await start_raw(Sglang, options)


class Sglang(RawRoute):
    """One model on an SGLang server."""

    name = "sglang"
    column, media_column = COLUMN, MEDIA_COLUMN
    path = "/generate"
    reads_prompts = True

    @staticmethod
    async def discover(client: Client, url: str, wanted: str | None) -> UpstreamModel:
        info = await client.get("/get_model_info", url)
        server = await client.get("/get_server_info", url)
        if not isinstance(info, dict) or not isinstance(server, dict):
            raise UpstreamError("upstream does not say what it serves")
        window = _window(server)
        source = str(info.get("tokenizer_path") or info.get("model_path") or "")
        name = str(server.get("served_model_name") or info.get("model_path") or "model")
        return UpstreamModel(name, window, str(server.get("version") or ""), source)

    def body(self, request: RawRequest) -> dict[str, object]:
        flat = super().body(request)
        top = {name: flat.pop(name) for name in _TOP if name in flat}
        return {**top, "sampling_params": flat}

    def reader(self, request: RawRequest) -> SglangReader:
        return SglangReader(request)

    def prompt_body(self, prompt: tuple[int, ...], count: int) -> dict[str, object]:
        # the one token that must be sampled is not read
        wanted = {"return_logprob": True, "logprob_start_len": 0, "top_logprobs_num": count}
        sampling = {"max_new_tokens": 1, "temperature": 0.0}
        return {"input_ids": prompt, "stream": False, **wanted, "sampling_params": sampling}

    def prompt_logprobs(self, data: bytes, prompt: tuple[int, ...], count: int) -> Iterator[TokenLogprob]:
        event = _decode(data)
        if event.meta_info is None:
            raise errors.of_event(event.error or "it sent no meta_info")
        rows = event.meta_info.input_token_logprobs
        tops = event.meta_info.input_top_logprobs or [None] * len(rows)
        for token, (value, given, _), top in zip(prompt[1:], rows[1:], tops[1:], strict=True):
            if given != token:
                raise UpstreamError("upstream gave log-probabilities of another prompt")
            yield _logprob(token, value, top, count)


def _window(server: dict[str, object]) -> int:
    """Tokens of prompt and answer that it takes together: less than the model's window where its pool is smaller, one
    is kept back, and speculative decoding keeps its drafts in it. Raises `UpstreamError`."""

    def number(name: str) -> int:
        value = server.get(name)
        return value if isinstance(value, int) else 0

    longest_prompt = number("max_req_input_len")
    limits = [number("context_length"), number("max_total_num_tokens"), longest_prompt and longest_prompt + 6]
    if not any(limits):
        raise UpstreamError("upstream does not say its window (start it with --context-length)")
    drafts = number("speculative_eagle_topk") * number("speculative_num_steps")
    reserved = max(drafts, number("speculative_num_draft_tokens")) if server.get("speculative_algorithm") else 0
    return min(filter(None, limits)) - 1 - reserved


class SglangReader:
    """Reads one answer; remembers how much of it was seen."""

    __slots__ = ("_seen", "_wanted")

    def __init__(self, request: RawRequest) -> None:
        self._wanted = request.sampling.logprobs
        self._seen = 0

    def read(self, data: bytes) -> RawEvent | None:
        """Raises `UpstreamError` for an error event and for an aborted answer."""
        if data == b"[DONE]":
            return None
        event = _decode(data)
        if event.error is not None or event.meta_info is None:
            raise errors.of_event(event.error or "it sent no meta_info")
        meta = event.meta_info
        cumulative = len(event.output_ids) == meta.completion_tokens
        tokens = tuple(event.output_ids[self._seen :] if cumulative else event.output_ids)
        self._seen = meta.completion_tokens
        reason = None if meta.finish_reason is None else meta.finish_reason.type
        if reason not in ENDS:
            why = meta.finish_reason.message if meta.finish_reason is not None else None
            raise errors.of_event(f"{reason}: {why or 'no reason given'}")
        logprobs = () if self._wanted is None else self._logprobs(meta, len(tokens))
        return RawEvent(tokens, logprobs, ENDS[reason], meta.cached_tokens)

    def _logprobs(self, meta: _Meta, count: int) -> tuple[TokenLogprob, ...]:
        """Of the last `count` tokens: these lists too may hold everything so far."""
        if not count:
            return ()
        drawn = meta.output_token_logprobs[-count:]
        tops = meta.output_top_logprobs[-count:] or [None] * count
        return tuple(
            _logprob(token, value, row, self._wanted or 0) for (value, token, _), row in zip(drawn, tops, strict=True)
        )


def _logprob(token: int, value: float | None, top: list[_Row] | None, count: int) -> TokenLogprob:
    return sorted_logprob(token, or_nothing(value), [(other, or_nothing(one)) for one, other, _ in top or ()], count)
