"""The first step: checks → grammar → prompt. CPU only, in any thread.

Knows engines by their capabilities alone, and starts nothing.
"""

from __future__ import annotations

import threading
from typing import NoReturn

from mimo.chat.prompt import ChatFormat
from mimo.constraints.build import answer_constraint
from mimo.constraints.plan import checked_grammar, offered_calls
from mimo.contract.errors import UnsupportedParameter
from mimo.contract.request import ChatRequest, Params
from mimo.engines.base import Engine
from mimo.engines.limits import within_window
from mimo.generate.prompt import check_media, opened, render, rows_of, token_ids
from mimo.generate.request import Prepared, TextRequest
from mimo.tokenizers.limit import Limit
from mimo.types import CALL, Prompt


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
    return _prepare_chat(request, engine, chat_format, abandoned)


def is_quick(request: ChatRequest | TextRequest, chat_format: ChatFormat) -> bool:
    """Whether `prepare` takes well under a millisecond for a short request. If not, it has no place on the event loop:
    it may compile a grammar, or run a template."""
    if isinstance(request, TextRequest):
        return True
    params = request.params
    return chat_format.quick and not (params.tools or params.json_format or request.media)


def _prepare_chat(
    request: ChatRequest, engine: Engine, chat_format: ChatFormat, abandoned: threading.Event | None
) -> Prepared:
    params, tools = request.params, request.params.offered_tools
    spells = bool(tools) and chat_format.spells(request.messages, tools)
    calls = offered_calls(tools, engine.chat_template, engine.tokenizer, spells=spells)
    left_out: list[str] = []
    grammar = checked_grammar(params, tools, calls, left_out)
    if grammar is not None and not engine.capabilities.grammar:
        _refuse_grammar(params, engine)
    with within_window(engine.info, abandoned) as limit:
        prompt = render(request, chat_format, limit, rows_of(engine))
    thinks = params.thinking and chat_format.thinks and not prompt.in_reasoning
    if thinks and not engine.capabilities.thinks_first and params.max_completion_tokens > 1:
        prompt = opened(prompt, engine)
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


def _check_continuation(request: ChatRequest, engine: Engine) -> None:
    """Refuse to continue an assistant's message where no prompt of ours can end in the middle of it."""
    if request.continues:
        with_media = " with media" if request.media else ""
        words = f"messages must end in a user message: {engine.info.engine} cannot continue an assistant's{with_media}"
        raise UnsupportedParameter(words, param="messages")


def _refuse_grammar(params: Params, engine: Engine) -> NoReturn:
    """Refuse the parameter that asks for a grammar."""
    name = "response_format" if params.json_format else "tools" if params.tool_choice == "auto" else "tool_choice"
    words = f"{name}: {engine.info.engine} cannot enforce a grammar; use the local engine"
    raise UnsupportedParameter(words, param=name)


def _prepare_text(request: TextRequest, engine: Engine, limit: Limit) -> Prepared:
    if not engine.capabilities.tokens:
        raise UnsupportedParameter(f"prompt: {engine.info.engine} takes messages, no raw prompt", param="prompt")
    if request.of_prompt is not None and not engine.capabilities.prompt_logprobs:
        name = "prompt_logprobs" if request.prompt_logprobs is not None else "echo"
        words = f"{name}: {engine.info.engine} gives no log-probabilities of a prompt; leave {name} or logprobs out"
        raise UnsupportedParameter(words, param=name)
    prompts = (token_ids(prompt, path, engine, limit) for path, prompt in request.prompts.items())
    constrain = answer_constraint(request.params, (), None, None, engine.tokenizer, in_reasoning=False)
    return Prepared(request, tuple(map(Prompt, prompts)), constrain)
