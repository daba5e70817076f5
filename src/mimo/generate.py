"""The whole way of a request in two steps: messages in, events out. Read this first.

    prepare   checks → grammar → prompt                                                     CPU only, any thread
    start     prompt → engine → whole characters → reasoning | content | calls → stop → events

An engine that takes messages, and a request with media, skip the prompt: messages → engine → events.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from mimo.calls import call_format
from mimo.chat.base import RowsOf, encode
from mimo.chat.prompt import ChatFormat
from mimo.constraints.build import answer_constraint, least_tokens
from mimo.constraints.plan import checked_grammar, offered_calls
from mimo.contract.checks import refuse
from mimo.contract.errors import UnsupportedInput, UnsupportedParameter
from mimo.contract.json_schema.schema import LARK
from mimo.contract.models import Model
from mimo.contract.request import ChatRequest, Params
from mimo.engines.base import Engine, EventStream, MessageEngine, TokenEngine, TokenStream
from mimo.engines.limits import within_window
from mimo.engines.merged import MergedAnswers
from mimo.output.choice import ChoiceOutput
from mimo.tokenizers.limit import Limit
from mimo.tokenizers.plain import PlainTokenizer
from mimo.types import CALL, THINK, Constrain, Echo, Event, Finish, Markers, Prompt, TokenRequest, Tool, Usage

_BYTES_PER_TOKEN = 3
_TOKENS_OF_MEDIUM = 1000


class TextRequest(Struct, frozen=True):
    """A request to continue raw prompts, after validation: no chat template, no reasoning, no calls.

    `prompts`: text or token ids, each under the path where the client put it, for errors; `params.n` choices for each.
    `echo`: the prompt comes back ahead of the answer, with the log-probabilities that `params` asks for;
    `prompt_logprobs`: those of the prompt are wanted in any case, as `Sampling.logprobs`.
    """

    model: Model
    params: Params
    prompts: Mapping[str, str | tuple[int, ...]]
    echo: bool = False
    prompt_logprobs: int | None = None

    @property
    def of_prompt(self) -> int | None:
        """How many of the likeliest tokens are wanted at each position of the prompt; None: no log-probabilities."""
        asked = (self.prompt_logprobs, self.params.sampling.logprobs if self.echo else None)
        return max((count for count in asked if count is not None), default=None)


class Prepared(Struct, frozen=True):
    """A checked request, ready to start. `prompts`: what the engine continues, none where it is given the messages.
    `constrain`: what each choice must follow; `markers`: those around calls, which are `spelled` out as text or control
    tokens. `left_out`: paths of rules that calls are not held to, although a schema has them."""

    request: ChatRequest | TextRequest
    prompts: tuple[Prompt, ...] = ()
    constrain: Constrain | None = None
    markers: Markers = CALL
    spelled: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def prompt_tokens(self) -> int:
        """How long the prompts are; an estimate where the engine renders them, which counts them itself in the end."""
        if self.prompts or isinstance(self.request, TextRequest):
            return sum(len(prompt.tokens) - prompt.given for prompt in self.prompts)
        text = sum(len(message.content.encode()) for message in self.request.messages)
        return 1 + text // _BYTES_PER_TOKEN + _TOKENS_OF_MEDIUM * len(self.request.media)

    def no_longer_than(self, limit: int) -> Prepared:
        """The same with answers of at most `limit` tokens each."""
        params = self.request.params
        params = replace(params, max_completion_tokens=limit, min_tokens=min(limit, params.min_tokens))
        return replace(self, request=replace(self.request, params=params))


def prepare(
    request: ChatRequest | TextRequest,
    engine: Engine,
    chat_format: ChatFormat,
    abandoned: threading.Event | None = None,
) -> Prepared:
    """Check `request` against `engine` and render its prompt. CPU-bound for long conversations; safe in any thread.
    When `abandoned` is set, nobody waits, and it ends with `Abandoned` before long.

    Raises `InvalidRequest`, or `UnsupportedInput` and `UnsupportedParameter` for what this engine cannot do;
    `ContextLengthExceeded` before all of a prompt is tokenised that is much too long.
    """
    if isinstance(request, TextRequest):
        with within_window(engine.info, abandoned) as limit:
            return _prepare_text(request, engine, limit)
    check_media(request, engine)
    if engine.capabilities.route(request) == "messages":
        _check_continuation(request, engine)
        return Prepared(request)
    params, tools = request.params, _offered_tools(request.params)
    spells = bool(tools) and chat_format.spells(request.messages, tools)
    calls = offered_calls(tools, engine.chat_template, engine.tokenizer, spells=spells)
    left_out: list[str] = []
    grammar = checked_grammar(params, tools, calls, left_out)
    if grammar is not None and not engine.capabilities.grammar:
        name = _constrained_by(params)
        words = f"{name}: {engine.info.engine} cannot enforce a grammar; use the local engine"
        raise UnsupportedParameter(words, param=name)
    with within_window(engine.info, abandoned) as limit:
        prompt = render(request, chat_format, limit, rows_of(engine))
    thinks = params.thinking and chat_format.thinks and not prompt.in_reasoning
    if thinks and not engine.capabilities.thinks_first and params.max_completion_tokens > 1:
        prompt = _opened(prompt, engine)
    constrain = answer_constraint(
        params,
        tools,
        calls,
        grammar,
        engine.tokenizer,
        in_reasoning=prompt.in_reasoning,
        thinks_first=engine.capabilities.thinks_first and chat_format.thinks,
    )
    return Prepared(
        request,
        (prompt,),
        constrain,
        calls.markers if calls else CALL,
        calls is not None and calls.spelled,
        tuple(dict.fromkeys(left_out)),
    )


def _opened(prompt: Prompt, engine: Engine) -> Prompt:
    """`prompt` with reasoning open at its end, which counts as the answer's first token: an engine that draws by itself
    cannot be held to it."""
    opens = engine.tokenizer.control(THINK.opens)
    assert opens is not None
    return replace(prompt, tokens=(*prompt.tokens, opens), in_reasoning=True, given=1)


def spells_tools(request: ChatRequest | TextRequest, engine: Engine, chat_format: ChatFormat) -> bool:
    """Whether functions, or calls in the history, are written as text, since the model's template knows none."""
    if isinstance(request, TextRequest) or engine.capabilities.route(request) != "tokens":
        return False
    return chat_format.spells(request.messages, _offered_tools(request.params))


def cannot_hold_texts(request: ChatRequest | TextRequest, engine: Engine, chat_format: ChatFormat) -> bool:
    """Whether a value of a call shall follow a grammar of its own, and cannot: the model's calls are JSON, or it is not
    we who hold them."""
    if isinstance(request, TextRequest):
        return False
    tools = _offered_tools(request.params)
    if not any(map(_has_text_grammar, tools)):
        return False
    if engine.capabilities.route(request) != "tokens" or not engine.capabilities.grammar:
        return True
    calls = None if chat_format.spells(request.messages, tools) else call_format(engine.chat_template)
    return calls is None or not any(map(calls.texts, tools))


def _has_text_grammar(tool: Tool) -> bool:
    properties = tool.parameters.get("properties")
    parts = properties.values() if isinstance(properties, Mapping) else ()
    return any(isinstance(part, Mapping) and LARK in part for part in parts)


def cannot_think(request: ChatRequest | TextRequest, engine: Engine, chat_format: ChatFormat) -> bool:
    """Whether thinking is on and nothing can come of it: the prompt is ours, and its format knows no thinking."""
    if isinstance(request, TextRequest) or not request.params.thinking:
        return False
    return engine.capabilities.route(request) == "tokens" and not chat_format.thinks


def is_quick(request: ChatRequest | TextRequest, chat_format: ChatFormat) -> bool:
    """Whether `prepare` takes well under a millisecond for a short request. If not, it has no place on the event loop:
    it may compile a grammar, or run a template."""
    if isinstance(request, TextRequest):
        return True
    params = request.params
    return chat_format.quick and not (params.tools or params.json_format or request.media)


def start(prepared: Prepared, engine: Engine, *, repetition_truncation: bool = True) -> EventStream:
    """Start answering on `engine`, every prompt or none; the caller must close the stream. `repetition_truncation`: end
    a choice that has entered a loop (`output/repetition.py`).

    Raises `ContextLengthExceeded` for a prompt that leaves no room, `RateLimitExceeded` (queue full).
    """
    request = prepared.request
    if isinstance(request, ChatRequest) and not prepared.prompts:
        return cast(MessageEngine, engine).chat(request)  # the route that its capabilities say
    echo = isinstance(request, TextRequest) and (request.echo or request.prompt_logprobs is not None)
    empty = request.params.max_completion_tokens == 0
    answers: list[EventStream] = []
    try:
        for prompt in prepared.prompts:
            stream = cast(TokenEngine, engine).generate(_token_request(prompt, request, prepared.constrain))
            answers.append(
                Answer(prompt, stream, _outputs(prepared, prompt, engine, repetition_truncation), echo, empty)
            )
    except BaseException:
        for answer in answers:
            answer.close()
        raise
    return answers[0] if len(answers) == 1 else MergedAnswers(answers, request.params.n)


def generate(request: ChatRequest | TextRequest, engine: Engine, chat_format: ChatFormat) -> EventStream:
    """Both steps, for callers that have nothing to do between them."""
    return start(prepare(request, engine, chat_format), engine)


def render(
    request: ChatRequest, chat_format: ChatFormat, limit: Limit | None = None, rows: RowsOf | None = None
) -> Prompt:
    """The prompt of `request`. CPU-bound for long conversations; safe in any thread. Raises `InvalidRequest`, and what
    the `limit` does, if there is one."""
    return chat_format.render(
        request.messages,
        thinking=request.params.thinking,
        tools=_offered_tools(request.params),
        continues=request.continues,
        limit=limit,
        rows_of=rows,
    )


def rows_of(engine: Engine) -> RowsOf | None:
    """What writes media into a prompt, where `engine` takes them so."""
    return engine.rows_of if isinstance(engine, TokenEngine) and engine.capabilities.media_rows else None


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


def check_media(request: ChatRequest, engine: Engine) -> None:
    """Raise `UnsupportedInput` for the first medium that `engine` does not take."""
    for media in request.media:
        if media.kind not in engine.capabilities.media:
            takes = ", ".join(("text", *engine.capabilities.media))
            words = f"{media.path} is {media.kind}, and the {engine.info.engine} engine that answers here takes {takes}"
            raise UnsupportedInput(f"{words} only; leave it out", param=media.path)


def _check_continuation(request: ChatRequest, engine: Engine) -> None:
    """Refuse to continue an assistant's message where no prompt of ours can end in the middle of it."""
    if request.continues:
        with_media = " with media" if request.media else ""
        words = f"messages must end in a user message: {engine.info.engine} cannot continue an assistant's{with_media}"
        raise UnsupportedParameter(words, param="messages")


def _prepare_text(request: TextRequest, engine: Engine, limit: Limit) -> Prepared:
    if not engine.capabilities.tokens:
        raise UnsupportedParameter(f"prompt: {engine.info.engine} takes messages, no raw prompt", param="prompt")
    if request.of_prompt is not None and not engine.capabilities.prompt_logprobs:
        name = "prompt_logprobs" if request.prompt_logprobs is not None else "echo"
        words = f"{name}: {engine.info.engine} gives no log-probabilities of a prompt; leave {name} or logprobs out"
        raise UnsupportedParameter(words, param=name)
    prompts = (_token_ids(prompt, path, engine, limit) for path, prompt in request.prompts.items())
    constrain = answer_constraint(request.params, (), None, None, engine.tokenizer, in_reasoning=False)
    return Prepared(request, tuple(map(Prompt, prompts)), constrain)


def _token_ids(prompt: str | tuple[int, ...], path: str, engine: Engine, limit: Limit) -> tuple[int, ...]:
    ids = encode([prompt], engine.tokenizer, limit) if isinstance(prompt, str) else prompt
    vocabulary = engine.tokenizer.vocabulary
    for at, token in enumerate(ids):
        if not 0 <= token < vocabulary:
            refuse(f"{path}[{at}]", f"a token id below the vocabulary of {vocabulary}", token)
    if not ids:
        refuse(path, "at least one token", prompt)
    return ids


def _constrained_by(params: Params) -> str:
    """The parameter that asks for a grammar."""
    return "response_format" if params.json_format else "tools" if params.tool_choice == "auto" else "tool_choice"


def _offered_tools(params: Params) -> tuple[Tool, ...]:
    """The functions that the model may call."""
    return params.tools if params.tool_choice != "none" else ()


def _outputs(prepared: Prepared, prompt: Prompt, engine: Engine, repetition_truncation: bool) -> list[ChoiceOutput]:
    """What reads the tokens of each choice. In an answer to a raw prompt a control token is text under its name."""
    params, chat = prepared.request.params, isinstance(prepared.request, ChatRequest)
    tokenizer = engine.tokenizer if chat else PlainTokenizer(engine.tokenizer)
    return [
        ChoiceOutput(
            choice,
            tokenizer,
            thinking=chat and params.thinking,
            in_reasoning=prompt.in_reasoning,
            stop=params.stop,
            tools=_offered_tools(params) if chat else (),
            markers=prepared.markers,
            spelled=prepared.spelled,
            parallel=params.parallel_tool_calls,
            repetition_truncation=repetition_truncation and not params.ignore_eos,
            given=prompt.given,
        )
        for choice in range(params.n)
    ]


def _token_request(prompt: Prompt, request: ChatRequest | TextRequest, constrain: Constrain | None) -> TokenRequest:
    params = request.params
    return TokenRequest(
        prompt=prompt.tokens,
        sampling=params.sampling,
        # an engine samples; what is not wanted is dropped
        max_completion_tokens=max(1, params.max_completion_tokens - prompt.given),
        n=params.n,
        min_tokens=least_tokens(params),
        constrain=constrain,
        prompt_logprobs=request.of_prompt if isinstance(request, TextRequest) else None,
        seeded=params.seed_given,
    )
