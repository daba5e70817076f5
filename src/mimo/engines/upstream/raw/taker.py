"""What counts of the tokens that an upstream sends for one choice: the end of the turn, the limit and the window by our
own count, and what a thinking budget or a grammar allows. Knows no connection.
"""

from __future__ import annotations

from mimo.contract.errors import UpstreamError
from mimo.engines.upstream.raw.request import End, RawEvent, checked_logprobs
from mimo.sampling.allowed import allows
from mimo.tokenizers.base import Tokenizer
from mimo.types import Allowed, TokenBatch, TokenLogprob, TokenRequest


class Taker:
    """The tokens of one choice so far. `room`: how many more it may have. `guided`: a grammar says what may come."""

    def __init__(self, request: TokenRequest, choice: int, tokenizer: Tokenizer, room: int) -> None:
        self.room = min(request.max_completion_tokens, room)
        constrain = request.constrain
        self.guided = constrain is not None and constrain.every_token
        self.ends = tokenizer.end_ids
        self.vocabulary = tokenizer.vocabulary
        self._rule = constrain(choice, self.room) if constrain else None
        self._choice = choice
        self._prompt = request.prompt
        self._logprobs = request.sampling.logprobs is not None
        self._remembers = self._rule is not None or self._logprobs
        self._sampled: list[int] = []  # kept where a later request needs it

    @property
    def prompt(self) -> tuple[int, ...]:
        """The prompt and all tokens so far: what a further request goes on from."""
        return self._prompt + tuple(self._sampled)

    def before(self, last: int) -> tuple[int, ...]:
        """`prompt` without its `last` tokens."""
        return self.prompt[: len(self._prompt) + len(self._sampled) - last]

    def allowed(self) -> Allowed:
        """What may come next: None (all), the one id, or a mask."""
        return None if self._rule is None else self._rule.allowed()

    def take(self, event: RawEvent, allowed: Allowed) -> tuple[TokenBatch, bool]:
        """What counts of an event that was asked for while `allowed` was so, and whether the request must end here
        because the rule has changed. Raises `UpstreamError` for tokens that cannot be."""
        finish: End | None = None
        count, changed = 0, False
        room, ends, vocabulary = self.room, self.ends, self.vocabulary
        for token in event.tokens:
            if self.guided and not allows(self.allowed(), token):
                changed = True
                break
            if token in ends:
                finish = "stop"
                break
            if not 0 <= token < vocabulary:
                raise UpstreamError(f"upstream sampled {token}, which is not in the tokenizer given for it")
            count += 1
            if self._remembers:
                changed = self._note(token, allowed)
            if count == room:
                finish = "length"
            if finish or changed:
                break
        else:
            finish = event.finish
        self.room = room - count
        tokens = event.tokens if count == len(event.tokens) else event.tokens[:count]
        logprobs = event.logprobs[:count]
        if self._logprobs:
            logprobs = checked_logprobs(logprobs, count, vocabulary)
        return TokenBatch(self._choice, tokens, logprobs, finish), changed

    def put(self, token: int, logprobs: tuple[TokenLogprob, ...]) -> TokenBatch:
        """Take `token`, which we chose."""
        self._note(token, None)
        self.room -= 1
        return TokenBatch(self._choice, (token,), logprobs, None if self.room else "length")

    def _note(self, token: int, allowed: Allowed) -> bool:
        """Remember `token`; whether what may come next is no longer `allowed`."""
        self._sampled.append(token)
        if self._rule is None:
            return False
        self._rule.accept(token)
        return not self.guided and self._rule.allowed() is not allowed
