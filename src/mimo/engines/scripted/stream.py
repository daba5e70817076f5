"""A running answer of the scripted engine: every choice plays the same moves, with its own draws."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import cast

import numpy as np

from mimo.constraints.answer import ThinkingFirst
from mimo.contract.errors import ServiceUnavailable
from mimo.engines.base import TokenStream
from mimo.engines.scripted.script import Move
from mimo.sampling import NO_TOKEN, Sampler
from mimo.sampling.allowed import allows
from mimo.tokenizers.base import Tokenizer
from mimo.types import Allowed, Constrain, Constraint, TokenBatch, TokenLogprob, TokenRequest


class ScriptedStream(TokenStream):
    """One request. `delay`: seconds a step; `room`: tokens of the window; `forget(stream)` is called on closing."""

    def __init__(
        self,
        request: TokenRequest,
        moves: list[Move],
        tokenizer: Tokenizer,
        *,
        delay: float,
        room: int,
        forget: Callable[[ScriptedStream], None],
    ) -> None:
        self._tokenizer = tokenizer
        self._delay = delay
        self._forget = forget
        self._moves = moves
        self._wanted = request.sampling.logprobs
        constrain = request.constrain
        self._guided = request.min_tokens > 0 or (constrain is not None and constrain.every_token)
        self._limit = min(request.max_completion_tokens, room)
        if (top := request.prompt_logprobs) is not None:
            known = (TokenLogprob(token, 0.0, ((token, 0.0),) if top else ()) for token in request.prompt[1:])
            self.prompt_logprobs = tuple(known)
        self._at = dict.fromkeys(range(request.n), 0)
        self._failed = False
        self._constraints = [self._rule(constrain, choice) for choice in self._at]
        self._ends = tokenizer.end_ids
        self._plain = request.sampling.logprobs is None and not any(self._constraints)
        """Whether the script alone decides."""
        self._sampler: Sampler | None = None
        if self._guided or not all(isinstance(move, int) for move in moves):
            self._plain = False
            self._sampler = Sampler(request.n, tokenizer.vocabulary, threads=1)
            for choice in self._at:
                self._sampler.begin(choice, request.sampling, choice, self._constraints[choice])

    def _rule(self, constrain: Constrain | None, choice: int) -> Constraint | None:
        """What `choice` must follow. Whether it thinks first, a script that says its first token says too."""
        rule = constrain(choice, self._limit) if constrain else None
        drawn = bool(self._moves) and not isinstance(self._moves[0], int)
        return rule.inner if isinstance(rule, ThinkingFirst) and not drawn else rule

    async def __aiter__(self) -> AsyncIterator[list[TokenBatch]]:
        self.begun = time.perf_counter()
        try:
            for count in range(1, self._limit + 1):
                await asyncio.sleep(self._delay)
                if self._failed:
                    raise ServiceUnavailable.shutting_down()
                batch = []
                for choice in tuple(self._at):
                    sampled = self._step(choice, count == self._limit)
                    batch.append(sampled)
                    if sampled.finish:
                        self.close_choice(choice)
                if not batch:
                    return
                yield batch
        finally:
            self.close()

    def _step(self, choice: int, last: bool) -> TokenBatch:
        if self._plain and (at := self._at[choice]) < len(self._moves):
            self._at[choice] = at + 1
            token = cast(int, self._moves[at])
            if token not in self._ends:
                return TokenBatch(choice, (token,), (), "length" if last else None)
            return TokenBatch(choice, (), finish="stop")
        token, logprob = self._play(choice)
        if token in self._tokenizer.end_ids:
            return TokenBatch(choice, (), finish="stop")
        if logprob is None and self._wanted is not None:
            logprob = TokenLogprob(token, 0.0, ((token, 0.0),) if self._wanted else ())
        return TokenBatch(choice, (token,), (logprob,) if logprob else (), "length" if last else None)

    def _play(self, choice: int) -> tuple[int, TokenLogprob | None]:
        """The next token: the one that is forced, else the script's next that is allowed, else the end of the turn."""
        rule = self._constraints[choice]
        allowed = rule.allowed() if rule else None
        move = self._next(choice, allowed)
        if rule and isinstance(allowed, int):
            token = allowed
            if token in self._moves[self._at[choice] :]:  # the script closes its reasoning later: go on from there
                self._at[choice] = self._moves.index(token, self._at[choice]) + 1
        elif isinstance(move, int):
            token = move
        else:
            return self._draw(choice, move)
        if rule:
            rule.accept(token)
        return token, None

    def _next(self, choice: int, allowed: Allowed) -> Move:
        """The script's next step; those that a grammar does not allow are passed over."""
        guided = self._guided and isinstance(allowed, np.ndarray)
        while self._at[choice] < len(self._moves):
            move = self._moves[self._at[choice]]
            self._at[choice] += 1
            if not (guided and isinstance(move, int)) or allows(allowed, move):
                return move
        end = min(self._tokenizer.end_ids)
        return end if not guided or allows(allowed, end) else None

    def _draw(self, choice: int, move: dict[int, float] | None) -> tuple[int, TokenLogprob | None]:
        assert self._sampler is not None
        row = np.full((1, self._tokenizer.vocabulary), 0.0 if move is None else -np.inf, dtype=np.float32)
        if move is not None:
            row[0, list(move)] = list(move.values())
        drawn = self._sampler.sample(row, [choice])
        if drawn.tokens[0] == NO_TOKEN:  # nothing of the step's is allowed
            return self._draw(choice, None)
        known = drawn.logprobs.get(0)
        return drawn.tokens[0], TokenLogprob(drawn.tokens[0], known.logprob, known.top) if known is not None else None

    def close_choice(self, choice: int) -> None:
        self._at.pop(choice, None)

    def close(self) -> None:
        self._at.clear()
        self._forget(self)

    def fail(self) -> None:
        """The engine is closing: the reader gets `ServiceUnavailable`."""
        self._failed = True
