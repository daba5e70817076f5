"""The whole way of a request as one function: messages in, events out. Read this first.

messages → prompt → engine → whole characters → reasoning | content → stop → events
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from mimo.chat.prompt import ChatFormat
from mimo.engines.base import ChatEngine, Engine, EventStream, Generation, TokenStream
from mimo.output.choice import ChoiceOutput
from mimo.types import ChatRequest, Event, Prompt, Usage


class Answer(EventStream):
    """A running answer: iterate it once for batches of events, the last one being `Usage`; always `close()` it."""

    def __init__(self, prompt: Prompt, stream: TokenStream, outputs: list[ChoiceOutput]) -> None:
        self._prompt = prompt
        self._stream = stream
        self._outputs = outputs

    async def opened(self) -> None:
        """Wait until the engine has taken the request; raises the `ApiError` with which it does not."""
        await self._stream.opened()

    async def __aiter__(self) -> AsyncIterator[list[Event]]:
        """Batches of events as they become ready. Raises an `ApiError` when the engine fails."""
        outputs, stream = self._outputs, self._stream
        try:
            async for batch in stream:
                events: list[Event] = []
                for sampled in batch:
                    output = outputs[sampled.choice]
                    if output.finished:
                        continue
                    events += output.push(sampled)
                    if output.stopped_early:
                        stream.close_choice(sampled.choice)
                if events:
                    yield events
                if all(output.finished for output in outputs):
                    break
            yield [self.usage()]
        finally:
            stream.close()

    def usage(self) -> Usage:
        """Token counts so far, over all choices."""
        return Usage(
            prompt_tokens=len(self._prompt.tokens),
            completion_tokens=sum(output.completion_tokens for output in self._outputs),
            reasoning_tokens=sum(output.reasoning_tokens for output in self._outputs),
            cached_tokens=self._stream.cached_tokens,
        )

    def close(self) -> None:
        """Free the engine's places within one step. Idempotent."""
        self._stream.close()


def generate(request: ChatRequest, engine: Engine, chat_format: ChatFormat) -> EventStream:
    """Start answering `request` on `engine`.

    Raises `InvalidRequest` (`ContextLengthExceeded` for a prompt that leaves no room) and `RateLimitExceeded` (queue
    full) before anything was sampled.
    """
    if isinstance(engine, ChatEngine):
        return engine.chat(request)
    params = request.params
    prompt = chat_format.render(request.messages, thinking=params.thinking)
    stream = engine.generate(
        Generation(
            prompt=prompt.tokens,
            max_tokens=params.max_completion_tokens,
            temperature=params.temperature,
            top_p=params.top_p,
            frequency_penalty=params.frequency_penalty,
            presence_penalty=params.presence_penalty,
            seed=params.seed,
            n=params.n,
            logit_bias=params.logit_bias,
            logprobs=params.top_logprobs if params.logprobs else None,
            thinking_budget=params.thinking_budget,
            in_reasoning=prompt.in_reasoning,
        )
    )
    outputs = [
        ChoiceOutput(
            choice, engine.tokenizer, thinking=params.thinking, in_reasoning=prompt.in_reasoning, stop=params.stop
        )
        for choice in range(params.n)
    ]
    return Answer(prompt, stream, outputs)
