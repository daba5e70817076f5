"""A running answer to one prompt: the tokens of an engine → events, each choice read by a `ChoiceOutput` of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from mimo.engines.base import EventStream, TokenStream
from mimo.output.choice import ChoiceOutput
from mimo.types import Echo, Event, Finish, Prompt, Usage


class Answer(EventStream):
    """A running answer to one prompt: iterate it once for batches of events, the last one being `Usage`. `echo`: the
    prompt is the first of them; `empty`: and nothing follows it."""

    def __init__(
        self, prompt: Prompt, stream: TokenStream, outputs: list[ChoiceOutput], echo: bool = False, empty: bool = False
    ) -> None:
        self._media_tokens = prompt.media_tokens
        self._echo = echo
        self._empty = empty
        self._prompt = prompt
        self._stream = stream
        self._outputs = outputs

    @property
    def begun(self) -> float | None:
        return self._stream.begun

    async def accepted(self) -> None:
        """Wait until the engine has taken the request. Raises the `ApiError` with which it refuses."""
        await self._stream.accepted()

    async def __aiter__(self) -> AsyncIterator[list[Event]]:
        """Batches of events as they become ready. Raises an `ApiError` when the engine fails."""
        outputs, stream = self._outputs, self._stream
        left = len(outputs)
        try:
            async for batch in stream:
                events: list[Event] = []
                if self._echo:
                    self._echo = False
                    events += self._echoes()
                if self._empty:
                    yield events + [Finish(output.choice, "length") for output in outputs]
                    break
                for sampled in batch:
                    output = outputs[sampled.choice]
                    if output.finished:
                        continue
                    events += output.push(sampled)
                    left -= output.finished
                    if output.stopped_early:
                        stream.close_choice(sampled.choice)
                if events:
                    yield events
                if not left:
                    break
            yield [self.usage()]
        finally:
            stream.close()

    def _echoes(self) -> Iterator[Event]:
        """The prompt, for every choice."""
        given = self._stream.prompt_logprobs
        logprobs = (None, *given) if given or len(self._prompt.tokens) == 1 else ()
        return (Echo(output.choice, self._prompt.tokens, logprobs) for output in self._outputs)

    def usage(self) -> Usage:
        """Token counts so far, over all choices."""
        return Usage(
            prompt_tokens=len(self._prompt.tokens) - self._prompt.given,
            completion_tokens=sum(output.completion_tokens for output in self._outputs),
            reasoning_tokens=sum(output.reasoning_tokens for output in self._outputs),
            cached_tokens=self._stream.cached_tokens,
            media_tokens=self._media_tokens,
        )

    def close(self) -> None:
        """Free the engine's slots within one step. Idempotent."""
        self._stream.close()
