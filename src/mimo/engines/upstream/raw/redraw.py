"""The requests of one choice, and those for a single token: to force one, to draw one among those that a grammar
allows or under penalties, and to ask for a log-probability that the upstream left out. Biases alone keep the upstream
to what is wanted.
"""

from __future__ import annotations

from collections import Counter

from msgspec import structs

from mimo.contract.errors import UpstreamError
from mimo.engines.upstream.raw.bias_masks import biased, refused_ids
from mimo.engines.upstream.raw.penalties import with_penalties
from mimo.engines.upstream.raw.request import RawRequest
from mimo.engines.upstream.raw.route import RawRoute
from mimo.engines.upstream.raw.taker import Taker
from mimo.engines.upstream.seeds import derived_seed
from mimo.sampling.allowed import allows
from mimo.types import Allowed, Sampling, TokenBatch, TokenLogprob, TokenRequest

_FORCED = 100.0
_TRIES = 4


class Requests:
    """The requests of one choice, each with a seed of its own. `sent`: how many there were."""

    def __init__(self, route: RawRoute, request: TokenRequest, choice: int, taker: Taker) -> None:
        self.sent = 0
        self._route = route
        self._request = request
        self._choice = choice
        self._taker = taker

    def rest(self, allowed: Allowed) -> RawRequest:
        """All that is left of the choice, as long as just this is `allowed`."""
        taker = self._taker
        banned = () if taker.guided else refused_ids(allowed, taker.vocabulary)
        sampling = structs.replace(self._request.sampling, seed=self._seed())
        return self._made(taker.prompt, sampling, taker.room, banned)

    def single(self, prompt: tuple[int, ...], sampling: Sampling) -> RawRequest:
        """One token after `prompt`, drawn by `sampling` with a seed of its own."""
        return self._made(prompt, structs.replace(sampling, seed=self._seed()), 1)

    def _seed(self) -> int:
        return derived_seed(self._request.sampling.seed, self._choice, self.sent)

    def _made(
        self, prompt: tuple[int, ...], sampling: Sampling, limit: int, banned: tuple[int, ...] = ()
    ) -> RawRequest:
        self.sent += 1
        return RawRequest(prompt, sampling, limit, self._route.model, self._route.end_ids, banned)


class Redraw:
    """The single tokens of one choice. `by_token`: all of its tokens are drawn here, and penalties are kept by biases.
    `cached`: prompt tokens that the first request found computed."""

    def __init__(
        self,
        route: RawRoute,
        request: TokenRequest,
        requests: Requests,
        taker: Taker,
        choice: int,
        by_token: bool = False,
    ) -> None:
        self.cached = 0
        self._counts: Counter[int] | None = Counter() if by_token else None
        self._route = route
        self._request = request
        self._requests = requests
        self._taker = taker
        self._choice = choice

    async def force(self, token: int) -> TokenBatch:
        """Put `token` next. Its raw log-probability, where wanted, costs a request for just this token."""
        logprobs: tuple[TokenLogprob, ...] = ()
        if self._request.sampling.logprobs is not None:
            logprobs = await self._logprobs_of(self._taker.prompt, token)
        return self._put(token, logprobs)

    def _put(self, token: int, logprobs: tuple[TokenLogprob, ...]) -> TokenBatch:
        if self._counts is not None:
            self._counts[token] += 1
        return self._taker.put(token, logprobs)

    async def draw(self) -> TokenBatch:
        """One token among those that may come next."""
        allowed = self._taker.allowed()
        if isinstance(allowed, int):
            return await self.force(allowed)
        sampling = self._request.sampling
        if self._counts is not None:
            sampling = with_penalties(sampling, self._counts)
        bias = biased(allowed, self._taker.vocabulary, sampling.logit_bias)
        sampling = structs.replace(sampling, logit_bias=bias)
        for _ in range(_TRIES):
            event = await self._route.one_token(self._requests.single(self._taker.prompt, sampling))
            if self._requests.sent == 1:
                self.cached = event.cached or 0
            token = event.tokens[0] if event.tokens else self._route.end_ids[0]
            if allows(allowed, token):
                if token in self._taker.ends:
                    return TokenBatch(self._choice, (), finish="stop")
                if not 0 <= token < self._taker.vocabulary:
                    raise UpstreamError(f"upstream sampled {token}, which is not in the tokenizer given for it")
                return await self.fill_logprobs(self._put(token, event.logprobs[:1]))
        raise UpstreamError("upstream does not keep to the tokens that the grammar allows")

    async def fill_logprobs(self, batch: TokenBatch) -> TokenBatch:
        """`batch` with the log-probabilities that the upstream left out (NaN), each asked for by itself."""
        logprobs = list(batch.logprobs)
        for at, known in enumerate(logprobs):
            if known.logprob != known.logprob:
                before = self._taker.before(len(batch.tokens) - at)
                logprobs[at : at + 1] = await self._logprobs_of(before, known.token)
        return structs.replace(batch, logprobs=tuple(logprobs))

    async def _logprobs_of(self, prompt: tuple[int, ...], token: int) -> tuple[TokenLogprob, ...]:
        forced = structs.replace(self._request.sampling, temperature=0.0, logit_bias=((token, _FORCED),))
        return await self._route.logprobs_of(self._requests.single(prompt, forced), token)
