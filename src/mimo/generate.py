"""The whole way of a request as one function: messages in, events out. Read this first.

messages → prompt → engine → whole characters → reasoning | content | calls → stop → events

Where the engine has no raw route, or the messages hold media, it is shorter: messages → engine → events.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from mimo.chat.prompt import ChatFormat
from mimo.constraints.plan import held_to
from mimo.contract.errors import UnsupportedInput, UnsupportedParameter
from mimo.contract.request import ChatRequest, Params
from mimo.engines.base import ChatEngine, Engine, EventStream, TokenStream
from mimo.output.choice import ChoiceOutput
from mimo.tokenizers.plain import PlainTokenizer
from mimo.types import Event, Grammar, Prompt, TokenRequest, Tool, Usage


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
        left = len(outputs)
        try:
            async for batch in stream:
                events: list[Event] = []
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


def render(request: ChatRequest, chat_format: ChatFormat) -> Prompt:
    """The prompt of `request`. Slow for a long conversation, and at home in any thread. Raises `InvalidRequest`."""
    return chat_format.render(
        request.messages,
        thinking=request.params.thinking,
        tools=_told(request.params),
        continues=request.continues,
    )


def by_chat(request: ChatRequest, engine: Engine) -> bool:
    """Whether `engine` is given the messages themselves, and no prompt of ours."""
    return isinstance(engine, ChatEngine) or bool(request.media)


def check_media(request: ChatRequest, engine: Engine) -> None:
    """Raise `UnsupportedInput` for the first medium that `engine` does not take."""
    for media in request.media:
        if media.kind not in engine.media:
            takes = ", ".join(("text", *engine.media))
            words = f"{media.path} is {media.kind}, and the {engine.info.engine} engine that answers here takes {takes}"
            raise UnsupportedInput(f"{words} only; leave it out", param=media.path)


def generate(
    request: ChatRequest,
    engine: Engine,
    chat_format: ChatFormat,
    prompt: Prompt | None = None,
    *,
    repetition_truncation: bool = True,
) -> EventStream:
    """Start answering `request` on `engine`. `prompt`: what `render` made of it, where that was done before;
    `repetition_truncation`: end a choice that has entered a loop (`output/repetition.py`).

    Raises `InvalidRequest` (`ContextLengthExceeded` for a prompt that leaves no room) and `RateLimitExceeded` (queue
    full) before anything was sampled.
    """
    check_media(request, engine)
    if by_chat(request, engine):
        if request.continues:
            beside = " beside media" if request.media else ""
            words = f"messages must end in a user message: {engine.info.engine} cannot continue an assistant's{beside}"
            raise UnsupportedParameter(words, param="messages")
        return engine.chat(request)
    params = request.params
    tools = _told(params)
    grammar = held_to(params, engine.chat_template, engine.tokenizer)
    if grammar is not None and not engine.holds_grammar:
        name = "response_format" if params.json_format else "tools" if params.tool_choice == "auto" else "tool_choice"
        words = f"{name}: {engine.info.engine} cannot be held to a grammar; use the local engine"
        raise UnsupportedParameter(words, param=name)
    if prompt is None:
        prompt = render(request, chat_format)
    stream = engine.generate(_token_request(prompt, params, grammar))
    outputs = [
        ChoiceOutput(
            choice,
            engine.tokenizer,
            thinking=params.thinking,
            in_reasoning=prompt.in_reasoning,
            stop=params.stop,
            tools=tools,
            parallel=params.parallel_tool_calls,
            repetition_truncation=repetition_truncation,
        )
        for choice in range(params.n)
    ]
    return Answer(prompt, stream, outputs)


def complete(
    prompt: Sequence[int], params: Params, engine: Engine, *, repetition_truncation: bool = True
) -> EventStream:
    """Start continuing the ids of `prompt`, as they are: no template before, and nothing split off after. A control
    token is text under its name, and all text is content. Raises as `generate` does."""
    raw = Prompt(tuple(prompt))
    stream = engine.generate(_token_request(raw, params))
    tokenizer = PlainTokenizer(engine.tokenizer)
    outputs = [
        ChoiceOutput(
            choice,
            tokenizer,
            thinking=False,
            in_reasoning=False,
            stop=params.stop,
            repetition_truncation=repetition_truncation,
        )
        for choice in range(params.n)
    ]
    return Answer(raw, stream, outputs)


def _told(params: Params) -> tuple[Tool, ...]:
    """The functions that the model is told of."""
    return params.tools if params.tool_choice != "none" else ()


def _token_request(prompt: Prompt, params: Params, grammar: Grammar | None = None) -> TokenRequest:
    return TokenRequest(
        prompt=prompt.tokens,
        sampling=params.sampling,
        max_completion_tokens=params.max_completion_tokens,
        n=params.n,
        thinking_budget=params.thinking_budget,
        in_reasoning=prompt.in_reasoning,
        thinking=params.thinking,
        calls=bool(_told(params)),
        grammar=grammar,
    )
