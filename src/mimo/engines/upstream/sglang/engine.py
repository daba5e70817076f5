"""SGLang by POST /generate: token ids in, token ids out, the sampling fields one level down.

Not run against a real server: written from its sources, tested with answers of their shape. Its `output_ids` are
everything so far, unless it runs with `--incremental-streaming-output`; the count beside them tells which.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from mimo.contract.errors import UpstreamError
from mimo.engines.upstream.http import errors as faults
from mimo.engines.upstream.raw.engine import Found, RawEngine
from mimo.engines.upstream.raw.request import Piece, RawRequest, sorted_logprob
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


class _Event(msgspec.Struct):
    output_ids: list[int] = []
    meta_info: _Meta | None = None
    error: object = None


_decode = msgspec.json.Decoder(_Event).decode


class Sglang(RawEngine):
    """One model on an SGLang server."""

    name = "sglang"
    column, media_column = COLUMN, MEDIA_COLUMN
    path = "/generate"

    async def discover(self, url: str) -> Found:
        info = await self.client.get("/get_model_info", url)
        server = await self.client.get("/get_server_info", url)
        if not isinstance(info, dict) or not isinstance(server, dict):
            raise UpstreamError("upstream does not say what it serves")
        window = _window(server)
        files = Path(str(info.get("tokenizer_path") or info.get("model_path") or ""))
        name = str(server.get("served_model_name") or info.get("model_path") or "model")
        return Found(name, window, str(server.get("version") or ""), files if files.is_dir() else None)

    def body(self, ask: RawRequest) -> dict[str, object]:
        flat = super().body(ask)
        top = {name: flat.pop(name) for name in _TOP if name in flat}
        return {**top, "sampling_params": flat}

    def reader(self, ask: RawRequest) -> SglangReader:
        return SglangReader(ask)


def _window(server: dict[str, object]) -> int:
    """Tokens of prompt and answer that it takes together: less than the model's window where its pool is smaller, one
    is kept back, and speculative decoding keeps its drafts in it. Raises `UpstreamError`."""

    def number(name: str) -> int:
        value = server.get(name)
        return value if isinstance(value, int) else 0

    longest_prompt = number("max_req_input_len")
    told = [number("context_length"), number("max_total_num_tokens"), longest_prompt and longest_prompt + 6]
    if not any(told):
        raise UpstreamError("upstream does not say its window (start it with --context-length)")
    drafts = number("speculative_eagle_topk") * number("speculative_num_steps")
    reserved = max(drafts, number("speculative_num_draft_tokens")) if server.get("speculative_algorithm") else 0
    return min(filter(None, told)) - 1 - reserved


class SglangReader:
    """Reads one answer; remembers how much of it was seen."""

    __slots__ = ("_seen", "_wanted")

    def __init__(self, ask: RawRequest) -> None:
        self._wanted = ask.sampling.logprobs
        self._seen = 0

    def read(self, data: bytes) -> Piece | None:
        """Raises `UpstreamError` for an error event and for an aborted answer."""
        if data == b"[DONE]":
            return None
        event = _decode(data)
        if event.error is not None or event.meta_info is None:
            raise faults.of_event(event.error or "it sent no meta_info")
        meta = event.meta_info
        cumulative = len(event.output_ids) == meta.completion_tokens
        tokens = tuple(event.output_ids[self._seen :] if cumulative else event.output_ids)
        self._seen = meta.completion_tokens
        reason = None if meta.finish_reason is None else meta.finish_reason.type
        if reason not in (None, "stop", "length"):
            why = meta.finish_reason.message if meta.finish_reason is not None else None
            raise faults.of_event(f"{reason}: {why or 'no reason given'}")
        logprobs = () if self._wanted is None else self._logprobs(meta, len(tokens))
        return Piece(tokens, logprobs, reason, meta.cached_tokens)  # type: ignore[arg-type]

    def _logprobs(self, meta: _Meta, count: int) -> tuple[TokenLogprob, ...]:
        """Of the last `count` tokens: these lists too may hold everything so far."""
        if not count:
            return ()
        drawn = meta.output_token_logprobs[-count:]
        tops = meta.output_top_logprobs[-count:] or [None] * count
        return tuple(
            sorted_logprob(
                token,
                float("-inf") if value is None else value,
                [(top, float("-inf") if given is None else given) for given, top, _ in (row or ())],
                self._wanted or 0,
            )
            for (value, token, _), row in zip(drawn, tops, strict=True)
        )
