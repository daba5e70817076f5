"""What an engine is.

    TokenEngine     token ids in, sampled tokens out: it decodes a prompt and samples until its own end-of-turn token,
                    the limit or the window
    MessageEngine   messages in, events out: it renders, samples and splits by itself

An engine may be both; its `capabilities` say which one a request takes. An engine is started by the factory that makes
it and closed once. All methods are called on the event loop; whatever computes runs elsewhere. Knows no wire format.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mimo.contract.request import ChatRequest
from mimo.tokenizers.base import Tokenizer
from mimo.types import Event, Media, MediaKind, TokenBatch, TokenLogprob, TokenRequest, Usage

Route = Literal["tokens", "messages"]
Repeatable = Literal["exact", "alone"]
"""What a seed is worth: the same tokens whatever else runs, or while nothing else does."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Who answers. `context_window` in tokens per sequence; `fingerprint` names engine and weights (short hash);
    `memory`: what it takes of this machine's, in words, where it runs in this process."""

    engine: str
    model: str
    context_window: int
    fingerprint: str
    memory: str | None = None

    @property
    def label(self) -> str:
        """Engine and model, as long as a restart does not change them."""
        return f"{self.engine}/{self.model}"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do. `media`: the kinds it takes in addition to text. `grammar`: it asks a
    constraint at every token. `tokens`: it is a `TokenEngine`, and so takes every request that holds no media as
    tokens; else it is a `MessageEngine` alone. `prompt_logprobs`: it keeps `TokenRequest.prompt_logprobs`.
    `thinks_first`: it can be given the first token of a choice and loses nothing by it. `media_rows`: it takes media
    as rows in a prompt (`TokenEngine.rows_of`). `media_hint`: how to get more kinds of media, where there is a way.
    `seeded`, `unseeded`: what a seed is worth that a client gave, or that was drawn, where the engine knows."""

    media: tuple[MediaKind, ...] = ()
    grammar: bool = False
    tokens: bool = True
    prompt_logprobs: bool = False
    thinks_first: bool = False
    media_rows: bool = False
    media_hint: str = ""
    seeded: Repeatable | None = None
    unseeded: Repeatable | None = None

    def repeatable(self, seed_given: bool) -> Repeatable | None:
        """What the seed of a request is worth."""
        return self.seeded if seed_given else self.unseeded

    def route(self, request: ChatRequest) -> Route:
        """How the engine takes `request`, whose media are of kinds in `media`."""
        return "tokens" if self.tokens and (self.media_rows or not request.media) else "messages"


@dataclass(frozen=True, slots=True)
class Load:
    """Gauges of this moment. `running`: choices in work (requests, where the engine runs elsewhere); `waiting`: choices
    in the queue. `slots`: how many choices run at once; None where the engine does not say. `prompt_cache_bytes`: host
    memory that holds prompts for later; None where there is no such cache."""

    running: int
    waiting: int = 0
    slots: int | None = None
    prompt_cache_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class UpstreamState:
    """One address of an upstream, as it looks from here. `failures`: requests that it did not answer; `failovers`:
    those of them that were sent to another address."""

    url: str
    healthy: bool
    failures: int = 0
    failovers: int = 0


class TokenStream(ABC):
    """The tokens of one `TokenRequest`, all choices interleaved as they come. Always close it."""

    begun: float | None = None
    """When the engine took the first choice out of its queue, on `time.perf_counter`; None before, and where it does
    not say."""
    cached_tokens: int = 0
    """Prompt tokens that were found in the cache; final once the first batch arrived."""
    prompt_logprobs: Sequence[TokenLogprob] = ()
    """Of the prompt's tokens but the first, where they were asked for; complete once the first batch arrived."""

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
        """Stop sampling `choice` (a stop string matched); its slot is free within one step. Idempotent."""

    @abstractmethod
    def close(self) -> None:
        """Stop everything; the slots are free within one step. Idempotent."""


class EventStream(ABC):
    """The events of one request, batch by batch, the last one being `Usage`. Always close it."""

    @property
    def begun(self) -> float | None:
        """As `TokenStream.begun`."""
        return None

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


class Engine(ABC):
    """What both kinds have."""

    info: EngineInfo
    tokenizer: Tokenizer
    capabilities: Capabilities
    chat_template: str | None = None
    """Jinja source of the model's own template; None: MiMo's, or no concern of ours."""

    @property
    def healthy(self) -> bool:
        """Whether the last health check succeeded. Always true in process."""
        return True

    @property
    def upstreams(self) -> Sequence[UpstreamState]:
        """The addresses that answer, in the order they were given in; none in process."""
        return ()

    async def probe(self) -> None:
        """Ask every upstream address now whether it is there; `upstreams` then says. Nothing in process."""
        return

    def answers(self, model_id: str) -> str:
        """The name of the model that answers for one of the contract's."""
        return self.info.model

    @abstractmethod
    def load(self) -> Load:
        """How much there is to do."""

    @abstractmethod
    async def close(self) -> None:
        """End what runs (its streams raise `ServiceUnavailable`) and give back memory and threads."""


class TokenEngine(Engine):
    """Takes token ids."""

    @abstractmethod
    def generate(self, request: TokenRequest) -> TokenStream:
        """Queue `request`. Raises `ContextLengthExceeded`, `RateLimitExceeded` (queue full), `InvalidRequest`, and
        `UnsupportedParameter` for what this engine cannot keep."""

    def rows_of(self, media: Media) -> tuple[int, ...]:
        """What stands for `media`, which is fetched, in a prompt: ids, and `MediaRow`s. Slow, in any thread. Raises
        `InvalidRequest` with the path of `media` for what cannot be decoded."""
        raise NotImplementedError


class MessageEngine(Engine):
    """Takes messages."""

    @abstractmethod
    def chat(self, request: ChatRequest) -> EventStream:
        """Answer `request`. Raises `UnsupportedParameter` for what this engine cannot keep, before anything is sent."""
