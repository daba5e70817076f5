"""vLLM by POST /v1/completions: token ids in, token ids out (`return_token_ids`), its parsers and stops not used."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mimo.contract.errors import UpstreamError
from mimo.engines.upstream.http import errors
from mimo.engines.upstream.http.client import Client
from mimo.engines.upstream.options import RawOptions
from mimo.engines.upstream.raw.engine import RawEngine, start_raw
from mimo.engines.upstream.raw.request import ENDS, RawEvent, RawRequest, or_nothing, sorted_logprob
from mimo.engines.upstream.raw.route import RawRoute, UpstreamModel, sole_model
from mimo.engines.upstream.vllm.column import COLUMN, MEDIA_COLUMN
from mimo.types import TokenLogprob


class _Logprobs(msgspec.Struct):
    tokens: list[str] = []
    token_logprobs: list[float | None] = []
    top_logprobs: list[dict[str, float] | None] | None = None


class _Logprob(msgspec.Struct):
    logprob: float | None


class _Choice(msgspec.Struct):
    token_ids: list[int] | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _PromptChoice(msgspec.Struct):
    prompt_logprobs: list[dict[int, _Logprob] | None]


class _Prompt(msgspec.Struct):
    choices: list[_PromptChoice]


class _Cached(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens_details: _Cached | None = None


class _Event(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: object = None


_decode = msgspec.json.Decoder(_Event).decode
_decode_prompt = msgspec.json.Decoder(_Prompt).decode
_DONE = b"[DONE]"


Options = RawOptions


async def start(options: RawOptions, on_progress: object = None) -> RawEngine:
    """Find it and load its tokenizer. Raises `EngineError`."""
    return await start_raw(Vllm, options)


class Vllm(RawRoute):
    """One model on a vLLM server."""

    name = "vllm"
    column, media_column = COLUMN, MEDIA_COLUMN
    path = "/v1/completions"
    reads_prompts = True

    @staticmethod
    async def discover(client: Client, url: str, wanted: str | None) -> UpstreamModel:
        row = sole_model(await client.get("/v1/models", url), wanted)
        window = row.get("max_model_len")
        if not isinstance(window, int):
            raise UpstreamError("upstream does not say its window (max_model_len)")
        version = await client.get("/version", url)
        said = version.get("version", "") if isinstance(version, dict) else ""
        return UpstreamModel(str(row["id"]), window, str(said), str(row.get("root") or row["id"]))

    def reader(self, request: RawRequest) -> VllmReader:
        return VllmReader(request)

    def prompt_body(self, prompt: tuple[int, ...], count: int) -> dict[str, object]:
        # refused where it is streamed; the one token that must be sampled is not read
        wanted = {"prompt_logprobs": count, "max_tokens": 1, "temperature": 0.0}
        return {"model": self.model, "prompt": prompt, "add_special_tokens": False, "stream": False, **wanted}

    def prompt_logprobs(self, data: bytes, prompt: tuple[int, ...], count: int) -> Iterator[TokenLogprob]:
        _, *rows = _decode_prompt(data).choices[0].prompt_logprobs
        for token, row in zip(prompt[1:], rows, strict=True):
            if row is None or token not in row:
                raise UpstreamError("upstream left out a log-probability of the prompt")
            pairs = [(other, or_nothing(one.logprob)) for other, one in row.items()]
            yield sorted_logprob(token, or_nothing(row[token].logprob), pairs, count)


class VllmReader:
    """Reads one answer."""

    __slots__ = ("_wanted",)

    def __init__(self, request: RawRequest) -> None:
        self._wanted = request.sampling.logprobs

    def read(self, data: bytes) -> RawEvent | None:
        """Raises `UpstreamError` for an error event and for an end that is not one."""
        if data == _DONE:
            return None
        event = _decode(data)
        if event.error is not None:
            raise errors.of_event(event.error)
        cached = None
        if event.usage is not None and event.usage.prompt_tokens_details is not None:
            cached = event.usage.prompt_tokens_details.cached_tokens
        if not event.choices:
            return None if cached is None else RawEvent(cached=cached)
        choice = event.choices[0]
        tokens = tuple(choice.token_ids or ())
        if choice.finish_reason not in ENDS:
            raise UpstreamError(f"upstream ended the answer with {errors.public(str(choice.finish_reason))}")
        logprobs: tuple[TokenLogprob, ...] = ()
        if self._wanted is not None and choice.logprobs is not None:
            logprobs = _logprobs(choice.logprobs, self._wanted)
        return RawEvent(tokens, logprobs, ENDS[choice.finish_reason], cached)


def _logprobs(given: _Logprobs, wanted: int) -> tuple[TokenLogprob, ...]:
    rows = []
    tops = given.top_logprobs or [None] * len(given.tokens)
    for token, logprob, top in zip(given.tokens, given.token_logprobs, tops, strict=True):
        pairs = [(_id(name), value) for name, value in (top or {}).items()]
        rows.append(sorted_logprob(_id(token), or_nothing(logprob), pairs, wanted))
    return tuple(rows)


def _id(name: str) -> int:
    return int(name.removeprefix("token_id:"))
