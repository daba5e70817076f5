"""The second step: a prepared request → an engine → a running answer.

What an engine samples is read by `output/`; what it is asked for is a `TokenRequest`, or the messages themselves.
"""

from __future__ import annotations

from typing import cast

from mimo.constraints.build import least_tokens
from mimo.contract.request import ChatRequest
from mimo.engines.base import Engine, EventStream, MessageEngine, TokenEngine
from mimo.engines.merged import MergedAnswers
from mimo.generate.answer import Answer
from mimo.generate.request import Prepared, TextRequest
from mimo.output.choice import ChoiceOutput
from mimo.tokenizers.plain import PlainTokenizer
from mimo.types import Constrain, Prompt, TokenRequest


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
            tools=params.offered_tools if chat else (),
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
