"""One choice of a `TokenRequest` on a raw route: asked for, cut and counted by us.

    ask → pieces → allowed? → end of turn, limit and window by our own count → TokenBatch

With a thinking budget or a grammar it is several requests, each going on from the prompt and all tokens so far: under a
budget one ends where the rule of what may come next changes; under a grammar it runs free, and a token that is not
allowed is drawn again among those that are (`held.py`). Knows no engine's format and no stop strings.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from mimo.constraints.build import constraint
from mimo.contract.errors import ApiError, ServiceUnavailable, UpstreamError
from mimo.engines.upstream.raw.bias_masks import biased, permits, refused_ids
from mimo.engines.upstream.raw.request import Piece, RawRequest, checked_logprobs, derived_seed, pieces_of
from mimo.types import TokenBatch, TokenLogprob, TokenRequest

if TYPE_CHECKING:
    from mimo.engines.upstream.http.client import Reply
    from mimo.engines.upstream.raw.engine import RawEngine

_FORCED = 100.0
_TRIES = 4
_LAST_SECONDS = 1.0
"""How long to wait for what an engine says after the end of an answer."""


class ChoiceStream:
    """One choice. `cached`: prompt tokens its first request found computed."""

    def __init__(self, engine: RawEngine, generation: TokenRequest, choice: int) -> None:
        self.cached = 0
        self.failed = False
        self._engine = engine
        self._generation = generation
        self._choice = choice
        self._room = min(generation.max_completion_tokens, engine.info.context_window - len(generation.prompt))
        self._rule = constraint(generation, engine.tokenizer, self._room)
        self._held = generation.grammar is not None
        self._sampled: list[int] = []  # kept where a later request needs it
        self._part = 0
        self._reply: Reply | None = None
        self._ask: RawRequest | None = None
        self._closed = False

    async def open(self) -> None:
        """Send the first request, unless that was done; raises the `ApiError` with which it is not taken."""
        if self._reply is None and not isinstance(self._allowed(), int):
            self._ask = self._next_ask(self._allowed())
            self._reply = await self._engine.send(self._ask)
            if self._closed:
                self.close()

    def close(self) -> None:
        """Stop: the engine sees its connection closed. Idempotent."""
        self._closed = True
        if self._reply is not None:
            self._reply.close()

    async def batches(self) -> AsyncIterator[list[TokenBatch]]:
        """The tokens as they come, until the end of the choice."""
        try:
            while not self._closed:
                allowed = self._allowed()
                if isinstance(allowed, int):
                    sampled = await self._force(allowed)
                    yield [sampled]
                    if sampled.finish:
                        return
                    continue
                async for batch in self._one_request(allowed):
                    yield batch
                    if batch[-1].finish:
                        return
            if self.failed:
                raise ServiceUnavailable.shutting_down()
        finally:
            self.close()

    async def _one_request(self, allowed: object) -> AsyncIterator[list[TokenBatch]]:
        """Until the choice ends or what is allowed changes."""
        await self.open()
        ask, reply, self._reply = self._ask, self._reply, None
        assert ask is not None and reply is not None
        self._reply = reply
        arriving = pieces_of(self._engine.reader(ask), reply)
        try:
            async for pieces in arriving:
                self._note(pieces)
                batch: list[TokenBatch] = []
                changed = False
                for piece in pieces:
                    sampled, changed = self._take(piece, allowed)
                    if sampled.logprobs:
                        sampled = await self._told(sampled)
                    if changed and self._held:
                        reply.close()
                        batch.append(sampled)
                        sampled = await self._redraw()
                    if sampled.tokens or sampled.finish:
                        batch.append(sampled)
                    if sampled.finish or changed:
                        break
                last = batch[-1] if batch else None
                if last is not None and last.finish and not reply.complete:
                    batch[-1] = replace(last, finish=None)
                    yield batch
                    await self._rest(arriving)
                    batch = [TokenBatch(self._choice, (), finish=last.finish)]
                if batch:
                    yield batch
                if changed or (last is not None and last.finish):
                    return
            raise UpstreamError("upstream ended its answer without saying why")
        except UpstreamError:
            if not self._closed:  # else it is our own doing
                raise
        finally:
            reply.close()
            if not self._closed:
                self._reply = None

    async def _rest(self, arriving: AsyncIterator[list[Piece]]) -> None:
        """Read what follows the end of the answer, for its counts and so that the connection can be used again."""
        with suppress(ApiError, TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                async for pieces in arriving:
                    self._note(pieces)
                    if any(piece.tokens for piece in pieces):
                        return

    def _note(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            if piece.cached is not None and self._part == 1:
                self.cached = max(0, min(piece.cached, len(self._generation.prompt)))

    def _take(self, piece: Piece, allowed: object) -> tuple[TokenBatch, bool]:
        """What counts of a piece, and whether the request must end here because the rule changed."""
        tokens, ends, rule = piece.tokens, self._engine.tokenizer.end_ids, self._rule
        finish: Literal["stop", "length"] | None = None
        taken, changed = 0, False
        vocabulary, wanted = self._engine.tokenizer.vocabulary, self._generation.sampling.logprobs is not None
        remembers = rule is not None or wanted
        for token in tokens:
            if self._held and rule is not None and not permits(rule.allowed(), token):
                changed = True
                break
            if token in ends:
                finish = "stop"
                break
            if not 0 <= token < vocabulary:
                raise UpstreamError(f"upstream sampled {token}, which is not in the tokenizer given for it")
            taken += 1
            if remembers:
                self._sampled.append(token)
            if rule is not None:
                rule.accept(token)
                changed = not self._held and rule.allowed() is not allowed
            if taken == self._room:
                finish = "length"
            if finish or changed:
                break
        else:
            finish = piece.finish
        self._room -= taken
        logprobs = piece.logprobs[:taken]
        if wanted:
            logprobs = checked_logprobs(logprobs, taken, vocabulary)
        return TokenBatch(self._choice, tokens if taken == len(tokens) else tokens[:taken], logprobs, finish), changed

    def _allowed(self) -> object:
        return None if self._rule is None else self._rule.allowed()

    def _next_ask(self, allowed: object) -> RawRequest:
        given, engine = self._generation, self._engine
        part, self._part = self._part, self._part + 1
        return RawRequest(
            prompt=given.prompt + tuple(self._sampled),
            sampling=replaced(given.sampling, seed=derived_seed(given.sampling.seed, self._choice, part)),
            max_tokens=self._room,
            model=engine.model,
            end_ids=engine.end_ids,
            banned=() if self._held else refused_ids(allowed, engine.tokenizer.vocabulary),
        )

    def _one_token(self, logit_bias: tuple[tuple[int, float], ...]) -> RawRequest:
        """The next request, for a single token under these biases alone."""
        ask = self._next_ask(None)
        return replaced(ask, max_tokens=1, sampling=replaced(ask.sampling, logit_bias=logit_bias))

    async def _told(self, sampled: TokenBatch) -> TokenBatch:
        """With the log-probabilities that the engine left out (NaN) asked for, each in a request for that token."""
        logprobs = list(sampled.logprobs)
        start = len(self._sampled) - len(sampled.tokens)
        for at, known in enumerate(logprobs):
            if known.logprob != known.logprob:
                before = (*self._generation.prompt, *self._sampled[: start + at])
                logprobs[at : at + 1] = await self._logprobs_of(before, known.token)
        return replace(sampled, logprobs=tuple(logprobs))

    async def _logprobs_of(self, prompt: tuple[int, ...], token: int) -> tuple[TokenLogprob, ...]:
        ask = self._one_token(((token, _FORCED),))
        ask = replaced(ask, prompt=prompt, sampling=replaced(ask.sampling, temperature=0.0))
        return await self._engine.logprobs_of(ask, token)

    async def _force(self, token: int) -> TokenBatch:
        """Put `token` there. Its raw logprob, where wanted, costs a request for just this token."""
        logprobs: tuple[TokenLogprob, ...] = ()
        if self._generation.sampling.logprobs is not None:
            logprobs = await self._logprobs_of((*self._generation.prompt, *self._sampled), token)
        return self._put(token, logprobs)

    def _put(self, token: int, logprobs: tuple[TokenLogprob, ...]) -> TokenBatch:
        assert self._rule is not None
        self._rule.accept(token)
        self._sampled.append(token)
        self._room -= 1
        return TokenBatch(self._choice, (token,), logprobs, None if self._room else "length")

    async def _redraw(self) -> TokenBatch:
        """One token among those that the grammar allows here."""
        allowed = self._allowed()
        if isinstance(allowed, int):
            return await self._force(allowed)
        bias = biased(allowed, self._engine.tokenizer.vocabulary, self._generation.sampling.logit_bias)
        for _ in range(_TRIES):
            piece = await self._engine.one_token(self._one_token(bias))
            token = piece.tokens[0] if piece.tokens else self._engine.end_ids[0]
            if permits(allowed, token):
                if token in self._engine.tokenizer.end_ids:
                    return TokenBatch(self._choice, (), finish="stop")
                return self._put(token, piece.logprobs[:1])
        raise UpstreamError("upstream does not keep to the tokens that the grammar allows")
