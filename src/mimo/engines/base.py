"""What an engine is: prompts in, sampled tokens out.

An engine knows no wire format, no chat template, no stop string and no reasoning: it decodes a prompt, samples with
the contract's parameters and hands tokens back until its own end-of-turn token, the limit or the window. All methods
are called on the event loop; whatever computes runs elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from mimo.contract.errors import (
    ContextLengthExceeded,
    InvalidRequest,
    StartError,
    UnsupportedInput,
    UnsupportedParameter,
)
from mimo.contract.parameters import Params
from mimo.tokenizers.base import Tokenizer
from mimo.types import ChatRequest, Event, Grammar, MediaKind, TokenLogprob


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Who answers. `context_window` in tokens per sequence; `fingerprint` names engine and weights (short hash)."""

    engine: str
    model: str
    context_window: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Generation:
    """One prompt to continue `n` times (choice 0 … n-1), each with its own budget and its own draws.

    `max_tokens` bounds the sampled tokens of a choice, the end-of-turn token not counted.
    `thinking_budget`: when so many reasoning tokens were sampled, `</think>` is forced (None: no bound).
    `in_reasoning`: the prompt left a `<think>` open. `logprobs`: None, or how many top ones to give (0–20).
    `thinking`: the model may reason first. `calls`: it was told of tools, so `<tool_call>` begins a call and ends the
    reasoning. `grammar`: what the answer, from the end of the reasoning on, is held to.
    """

    prompt: tuple[int, ...]
    max_tokens: int
    temperature: float = 1.0
    top_p: float = 0.95
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int = 0
    n: int = 1
    logit_bias: tuple[tuple[int, float], ...] = ()
    logprobs: int | None = None
    thinking_budget: int | None = None
    in_reasoning: bool = False
    thinking: bool = False
    calls: bool = False
    grammar: Grammar | None = None


class Sampled(Struct, frozen=True, gc=False):
    """Tokens of one choice that became ready together.

    `finish`: None while it goes on; `stop` after the end-of-turn token (which is not among `tokens`); `length` at the
    limit or the window. `logprobs` runs along `tokens` when asked for, and is empty otherwise.
    """

    choice: int
    tokens: tuple[int, ...]
    logprobs: tuple[TokenLogprob, ...] = ()
    finish: Literal["stop", "length"] | None = None


class TokenStream(ABC):
    """The tokens of one `Generation`, all choices interleaved as they come. Always close it."""

    cached_tokens: int = 0
    """Prompt tokens that were found in the cache; final once the first batch arrived."""

    async def opened(self) -> None:
        """Wait until the engine has taken the request. Raises an `ApiError` if it does not; in process it always has.

        Optional: iterating waits too. For callers that must know before they say "200" to a client.
        """
        return

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[list[Sampled]]:
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
    """Jinja source of the model's own template; None: MiMo's."""
    holds_grammar: bool = False
    """Whether it samples under a `Generation.grammar`; where not, what needs one is refused before it comes here."""

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
    def generate(self, generation: Generation) -> TokenStream:
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

    async def opened(self) -> None:
        """As `TokenStream.opened`."""
        return

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[list[Event]]:
        """Batches of events as they become ready. Raises an `ApiError` when the engine fails."""

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

    def generate(self, generation: Generation) -> TokenStream:
        """Never: there is no raw route. Raises `UnsupportedParameter`."""
        raise UnsupportedParameter(f"{self.info.engine} takes messages, no raw prompt", param="prompt")


def room_for(generation: Generation, info: EngineInfo) -> int:
    """Tokens that the window leaves for an answer, at least one. Raises `ContextLengthExceeded` if it leaves none."""
    window, size = info.context_window, len(generation.prompt)
    if size >= window:
        raise ContextLengthExceeded(  # clients know the case by the words "exceeds the context window"
            f"the prompt of {size} tokens exceeds the context window of {window} of {info.model}: shorten messages to "
            f"fewer than {window} tokens",
            param="messages",
        )
    return window - size


def check_logit_bias(given: Generation | Params, vocabulary: int) -> None:
    """Raise `InvalidRequest` for a biased id that is not in the `vocabulary` (a count of ids)."""
    for token, _ in given.logit_bias:
        if token >= vocabulary:
            raise InvalidRequest(
                f"logit_bias token ids must be below the vocabulary of {vocabulary}, got {token}", param="logit_bias"
            )


class EngineError(StartError):
    """An engine that cannot start: the message says which file or address and why."""
