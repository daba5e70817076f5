"""POST /v1/completions: continue raw prompts, text or token ids, whole or streamed. No template, nothing split off.

Everything that can be refused is refused before the first byte is sent. Several prompts are answered side by side, each
as it would be alone. Knows the order of things, no format.
"""

from __future__ import annotations

import asyncio
from contextlib import closing

from mimo.api import sse
from mimo.api.answer import LARGE
from mimo.api.backend import Service
from mimo.api.exchange import Exchange
from mimo.api.protocols.fields import Wishes, renamed
from mimo.api.protocols.openai_completions.merged import Several
from mimo.api.protocols.openai_completions.reply import Text
from mimo.api.protocols.openai_completions.request import Completion, decode
from mimo.contract.errors import UnsupportedParameter
from mimo.engines.base import ChatEngine, EventStream
from mimo.generate import complete


async def completions(service: Service, exchange: Exchange, body: bytes, wishes: Wishes) -> None:
    """Answer one request. Raises `ApiError`; before the first byte of a stream that is a plain HTTP error."""
    engine = service.engine
    if isinstance(engine, ChatEngine):
        raise UnsupportedParameter(f"prompt: {engine.info.engine} takes messages, no raw prompt", param="prompt")
    if len(body) < LARGE:
        asked = decode(body, service.models, engine.tokenizer, wishes)
    else:
        asked = await asyncio.to_thread(decode, body, service.models, engine.tokenizer, wishes)
    params, choices = asked.params, asked.params.n * len(asked.prompts)
    with renamed({"messages": "prompt"}):
        answer = _begun(asked, service)
    with closing(answer):
        logprobs = params.sampling.logprobs is not None
        text = Text(asked.model.id, engine.info.fingerprint, choices, engine.tokenizer.piece, logprobs)
        await answer.opened()
        if params.stream:
            await exchange.start_stream(sse.CONTENT_TYPE, [*sse.HEADERS, *asked.headers()], sse.ALIVE)
            async for events in answer:
                await exchange.write(text.frames(events, params.include_usage))
            return await exchange.end()
        async for events in answer:
            text.add(events)
        await exchange.reply(200, text.body(), headers=asked.headers())


def _begun(asked: Completion, service: Service) -> EventStream:
    """All prompts started, or none."""
    answers: list[EventStream] = []
    try:
        for prompt in asked.prompts:
            looping = service.repetition_truncation
            answers.append(complete(prompt, asked.params, service.engine, repetition_truncation=looping))
    except BaseException:
        for answer in answers:
            answer.close()
        raise
    return answers[0] if len(answers) == 1 else Several(answers, asked.params.n)
