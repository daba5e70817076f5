"""llama-server (llama.cpp) by POST /completion: token ids in, token ids out, all its other samplers turned off.

Its stream leaves out the ids of tokens that end inside a character; `missing_tokens.py` finds them again. Its window
and its model file are read from /props.
"""

from __future__ import annotations

import msgspec
from msgspec import structs

from mimo.contract.errors import UpstreamError
from mimo.engines.upstream.http import errors
from mimo.engines.upstream.http.client import Client
from mimo.engines.upstream.llama_server.column import COLUMN, MEDIA_COLUMN
from mimo.engines.upstream.options import RawOptions
from mimo.engines.upstream.raw.engine import RawEngine, start_raw
from mimo.engines.upstream.raw.missing_tokens import MissingTokens
from mimo.engines.upstream.raw.request import RawEvent, RawRequest, sorted_logprob
from mimo.engines.upstream.raw.route import RawRoute, UpstreamModel
from mimo.tokenizers.base import Tokenizer
from mimo.types import TokenLogprob, TokenRequest


class _Probability(msgspec.Struct):
    id: int
    logprob: float
    top_logprobs: list[_Probability] = []


class _Timings(msgspec.Struct):
    cache_n: int | None = None


class _Progress(msgspec.Struct):
    cache: int = 0


class _Event(msgspec.Struct):
    content: str = ""
    tokens: list[int] = []
    stop: bool = False
    tokens_predicted: int = 0
    stop_type: str = ""
    completion_probabilities: list[_Probability] = []
    prompt_progress: _Progress | None = None
    timings: _Timings | None = None
    error: object = None


_decode = msgspec.json.Decoder(_Event).decode


Options = RawOptions


async def start(options: RawOptions, on_progress: object = None) -> RawEngine:
    """Find it and load its tokenizer. Raises `EngineError`."""
    return await start_raw(LlamaServer, options)


class LlamaServer(RawRoute):
    """One model on a llama-server."""

    name = "llama-server"
    column, media_column = COLUMN, MEDIA_COLUMN
    path = "/completion"

    @staticmethod
    async def discover(client: Client, url: str, wanted: str | None) -> UpstreamModel:
        try:
            said = msgspec.convert(await client.get("/props", url), _Props)
        except msgspec.ValidationError as problem:
            raise UpstreamError(f"upstream does not say what it serves: {problem}") from None
        name = said.model_alias or said.model_path
        return UpstreamModel(name, said.default_generation_settings.n_ctx, "", said.model_path)

    def __init__(self, client: Client, model: str, tokenizer: Tokenizer) -> None:
        super().__init__(client, model, tokenizer)
        self._missing = MissingTokens(tokenizer)

    def keeps_penalties(self, request: TokenRequest) -> bool:
        return False

    def reader(self, request: RawRequest) -> LlamaReader:
        return LlamaReader(self._missing, request)

    async def one_token(self, request: RawRequest) -> RawEvent:
        """Not streamed: a stream leaves out a token that ends inside a character."""
        most = 2 + (request.sampling.logprobs or 0)
        return await self.whole({**self.body(request), "stream": False}, most, self.reader(request).read)

    async def logprobs_of(self, request: RawRequest, token: int) -> tuple[TokenLogprob, ...]:
        """llama-server omits log-probabilities of tokens that end inside a character, so the end token is forced and
        `token` read among its alternatives: first a thousand, then all."""
        end = ((self.end_ids[0], 100.0),)
        for count in (1000, self.tokenizer.vocabulary):
            (end_of_turn,) = await super().logprobs_of(
                structs.replace(request, sampling=structs.replace(request.sampling, logprobs=count, logit_bias=end)),
                self.end_ids[0],
            )
            for candidate, logprob in end_of_turn.top:
                if candidate == token:
                    return (TokenLogprob(token, logprob, end_of_turn.top[: request.sampling.logprobs]),)
        raise UpstreamError(f"upstream gave no log-probability of token {token}")


class _Settings(msgspec.Struct):
    n_ctx: int


class _Props(msgspec.Struct):
    default_generation_settings: _Settings
    model_path: str = ""
    model_alias: str = ""


class LlamaReader:
    """Reads one answer; counts with the server, to see what it left out."""

    __slots__ = ("_missing", "_request", "_seen")

    def __init__(self, missing: MissingTokens, request: RawRequest) -> None:
        self._missing = missing
        self._request = request
        self._seen = 0

    def read(self, data: bytes) -> RawEvent:
        """Raises `UpstreamError` for an error event."""
        event = _decode(data)
        if event.error is not None:
            raise errors.of_event(event.error)
        if event.prompt_progress is not None:
            return RawEvent(cached=event.prompt_progress.cache)
        tokens = tuple(event.tokens)
        missing = event.tokens_predicted - self._seen - len(tokens)
        self._seen = event.tokens_predicted
        logprobs = self._logprobs(event.completion_probabilities)
        if missing > self._request.max_tokens:
            raise UpstreamError(f"upstream counts {event.tokens_predicted} tokens, of which it sent {len(tokens)}")
        if missing > 0:
            lost = self._missing.fill(event.content, tokens, missing)
            tokens = lost + tokens
            if self._request.sampling.logprobs is not None:
                logprobs = (*(TokenLogprob(token, UNKNOWN) for token in lost), *logprobs)
        if self._request.sampling.logprobs is not None and len(logprobs) < len(tokens):
            logprobs += tuple(TokenLogprob(token, UNKNOWN) for token in tokens[len(logprobs) :])
        if event.stop:
            cached = None if event.timings is None else event.timings.cache_n
            return RawEvent(tokens, logprobs, "length" if event.stop_type == "limit" else "stop", cached)
        return RawEvent(tokens, logprobs)

    def _logprobs(self, given: list[_Probability]) -> tuple[TokenLogprob, ...]:
        wanted = self._request.sampling.logprobs
        if wanted is None:
            return ()
        return tuple(
            sorted_logprob(one.id, one.logprob, [(top.id, top.logprob) for top in one.top_logprobs], wanted)
            for one in given
        )


UNKNOWN = float("nan")
"""Stands for a log-probability that the server left out, until it is asked for again."""
