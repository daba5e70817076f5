"""Messages, or a raw prompt, → the token ids that an engine continues.

CPU-bound for long conversations; safe in any thread. Knows no sampling and no grammar.
"""

from __future__ import annotations

from msgspec.structs import replace

from mimo.chat.base import RowsOf, encode
from mimo.chat.prompt import ChatFormat
from mimo.contract.checks import refuse
from mimo.contract.errors import UnsupportedInput
from mimo.contract.request import ChatRequest
from mimo.engines.base import Engine, TokenEngine
from mimo.tokenizers.limit import Limit
from mimo.types import THINK, Prompt


def check_media(request: ChatRequest, engine: Engine) -> None:
    """Raise `UnsupportedInput` for the first medium that `engine` does not take."""
    for media in request.media:
        if media.kind not in engine.capabilities.media:
            takes = ", ".join(("text", *engine.capabilities.media))
            words = f"{media.path} is {media.kind}, and the {engine.info.engine} engine that answers here takes {takes}"
            raise UnsupportedInput(
                f"{words} only; {engine.capabilities.media_hint or 'leave it out'}", param=media.path
            )


def rows_of(engine: Engine) -> RowsOf | None:
    """What writes media into a prompt, where `engine` takes them so."""
    return engine.rows_of if isinstance(engine, TokenEngine) and engine.capabilities.media_rows else None


def render(
    request: ChatRequest, chat_format: ChatFormat, limit: Limit | None = None, rows: RowsOf | None = None
) -> Prompt:
    """The prompt of `request`. CPU-bound for long conversations; safe in any thread. Raises `InvalidRequest`, and what
    the `limit` does, if there is one."""
    return chat_format.render(
        request.messages,
        thinking=request.params.thinking,
        tools=request.params.offered_tools,
        continues=request.continues,
        limit=limit,
        rows_of=rows,
    )


def opened(prompt: Prompt, engine: Engine) -> Prompt:
    """`prompt` with reasoning open at its end, which counts as the answer's first token: an engine that draws by itself
    cannot be made to draw it."""
    opens = engine.tokenizer.control(THINK.opens)
    assert opens is not None
    return replace(prompt, tokens=(*prompt.tokens, opens), in_reasoning=True, given=1)


def token_ids(prompt: str | tuple[int, ...], path: str, engine: Engine, limit: Limit) -> tuple[int, ...]:
    ids = encode([prompt], engine.tokenizer, limit) if isinstance(prompt, str) else prompt
    vocabulary = engine.tokenizer.vocabulary
    for at, token in enumerate(ids):
        if not 0 <= token < vocabulary:
            refuse(f"{path}[{at}]", f"a token id below the vocabulary of {vocabulary}", token)
    if not ids:
        refuse(path, "at least one token", prompt)
    return ids
