"""What an engine is: prompts in, sampled tokens out.

An engine knows no wire format, no chat template, no stop string and no reasoning: it decodes a prompt, samples with
the contract's parameters and hands tokens back until its own end-of-turn token, the limit or the window. All methods
are called on the event loop; whatever computes runs elsewhere.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mimo.contract.errors import (
    ContextLengthExceeded,
    InvalidRequest,
    StartError,
    UnsupportedInput,
    UnsupportedParameter,
)
from mimo.contract.request import ChatRequest
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.limit import Limit, TooManyTokens
from mimo.types import Event, MediaKind, Sampling, TokenBatch, TokenRequest, Usage


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Who answers. `context_window` in tokens per sequence; `fingerprint` names engine and weights (short hash)."""

    engine: str
    model: str
    context_window: int
    fingerprint: str


class TokenStream(ABC):
    """The tokens of one `TokenRequest`, all choices interleaved as they come. Always close it."""

    cached_tokens: int = 0
    """Prompt tokens that were found in the cache; final once the first batch arrived."""

    async def accepted(self) -> None:
        """Wait until the engine has taken the request. Raises an `ApiError` if it does not; in process it always has.

        Optional: iterating waits too. For callers that must know before they say "200" to a client.
        """
        return

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[list[TokenBatch]]:
        """Batches of what became ready since the last look; ends when every choice has finished.

        Raises an `ApiError` when the engine fails or is shut down.
        """

    @abstractmethod
    def close_choice(self, choice: int) -> None:
        """Stop sampling `choice` (a stop string matched); its place is free within one step. Idempotent."""

    @abstractmethod
    def close(self) -> None:
        """Stop everything; the places are free within one step. Idempotent."""


class Engine(ABC):
    """A source of tokens, started once and closed once."""

    info: EngineInfo
    tokenizer: Tokenizer
    chat_template: str | None
    """Jinja source of the model's own template, "" where it brings none; None: MiMo's."""
    holds_grammar: bool = False
    """Whether it samples under a `TokenRequest.grammar`; where not, what needs one is refused before it comes here."""

    media: tuple[MediaKind, ...] = ()
    """What it takes beside text: a request that holds such goes to `chat`, any other medium is refused before."""

    @abstractmethod
    async def start(self) -> None:
        """Load and warm up. Raises `EngineError` with one line a person can act on."""

    @property
    def well(self) -> bool:
        """Whether what computes was there when last looked at; in process it always is."""
        return True

    @abstractmethod
    def generate(self, generation: TokenRequest) -> TokenStream:
        """Queue a generation. Raises `ContextLengthExceeded`, `RateLimitExceeded` (queue full), `InvalidRequest`."""

    def chat(self, request: ChatRequest) -> EventStream:
        """Answer a request that holds media of the kinds in `media`. Raises `UnsupportedParameter` for what cannot be
        kept beside them, `UnsupportedInput` where there are no such kinds."""
        raise UnsupportedInput(f"messages must be text: {self.info.engine} takes no media", param="messages")

    @abstractmethod
    async def close(self) -> None:
        """End what runs (its streams raise `ServiceUnavailable`) and give back memory and threads."""


class EventStream(ABC):
    """The events of one request, batch by batch, the last one being `Usage`. Always close it."""

    async def accepted(self) -> None:
        """As `TokenStream.accepted`."""
        return

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[list[Event]]:
        """Batches of events as they become ready. Raises an `ApiError` when the engine fails."""

    def usage(self) -> Usage | None:
        """Token counts so far; None where the engine says them only at the end."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Free what the request holds in the engine. Idempotent."""


class ChatEngine(Engine):
    """An engine without a raw route: it renders, samples and splits by itself, as hosted APIs do.

    `generate` of such an engine is never called; what of the contract it cannot keep it refuses in `chat`.
    """

    @abstractmethod
    def chat(self, request: ChatRequest) -> EventStream:
        """Answer `request`. Raises `UnsupportedParameter` before anything is sent."""

    def generate(self, generation: TokenRequest) -> TokenStream:
        """Never: there is no raw route. Raises `UnsupportedParameter`."""
        raise UnsupportedParameter(f"{self.info.engine} takes messages, no raw prompt", param="prompt")


def room_for(generation: TokenRequest, info: EngineInfo) -> int:
    """Tokens that the window leaves for an answer, at least one. Raises `ContextLengthExceeded` if it leaves none."""
    window, size = info.context_window, len(generation.prompt)
    if size >= window:
        raise ContextLengthExceeded.of(str(size), window, info.model)
    return window - size


@contextmanager
def within_window(info: EngineInfo, abandoned: threading.Event | None = None) -> Iterator[Limit]:
    """A limit for prompts that leave room in the window. Raises `ContextLengthExceeded` with the count so far."""
    try:
        yield Limit(info.context_window - 1, abandoned or threading.Event())
    except TooManyTokens as problem:
        raise ContextLengthExceeded.of(f"at least {problem.at_least}", info.context_window, info.model) from None


def check_logit_bias(sampling: Sampling, vocabulary: int) -> None:
    """Raise `InvalidRequest` for a biased id that is not in the `vocabulary` (a count of ids)."""
    for token, _ in sampling.logit_bias:
        if token >= vocabulary:
            raise InvalidRequest(
                f"logit_bias token ids must be below the vocabulary of {vocabulary}, got {token}", param="logit_bias"
            )


class EngineError(StartError):
    """An engine that cannot start: the message says which file or address and why."""
