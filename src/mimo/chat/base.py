"""What a chat format is, and the one place where its pieces become token ids.

A format says which control tokens stand where and which text lies between them; text is always encoded plainly, so
nothing a user writes can become a control token. Knows no particular format and no wire format.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import cast

from mimo.contract.errors import InvalidRequest, UnsupportedInput
from mimo.tokenizers.base import Tokenizer
from mimo.tokenizers.limit import Limit
from mimo.types import THINK, Media, Message, Prompt, Tool

Piece = int | str | Media
"""The id of a control token that the format itself puts there, plain text, or a medium."""
RowsOf = Callable[[Media], tuple[int, ...]]
"""What stands for a medium in a prompt."""


class ChatFormat(ABC):
    """How one family of models wants a conversation written."""

    quick = True
    """Whether a short conversation is rendered in well under a millisecond; if not, not on the event loop."""

    knows_thinking = True
    """Whether a conversation is written in another way with thinking on, or the format has a place for reasoning."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    @cached_property
    def thinks(self) -> bool:
        """Whether the model can be asked to think: its format knows thinking, and its vocabulary both tags."""
        return self.knows_thinking and None not in map(self.tokenizer.control, THINK)

    def render(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool,
        tools: Sequence[Tool] = (),
        continues: bool = False,
        limit: Limit | None = None,
        rows_of: RowsOf | None = None,
    ) -> Prompt:
        """The prompt up to where the model begins to answer; `tools` are the functions declared to it. With `continues`
        (and thinking off) the last message, an assistant's, is the beginning of that answer. Within `limit`, if any.

        1. refuse text that cannot be encoded, and media where there is no `rows_of`
        2. the format's pieces
        3. `in_reasoning`: the last control token is the format's own `<think>`; so only the last header counts, and
           no tag in an earlier turn. With thinking off such a `<think>` is closed at once.
        4. with `continues` the answer's beginning
        5. neighbouring text joined and encoded

        Raises `InvalidRequest` naming the message, or `messages` when the format itself refuses; `UnsupportedInput`;
        `UnsupportedParameter` when the format has no place for tools; `TooManyTokens` or `Abandoned` of the limit.
        """
        check_text(messages, tools)
        found = [media for message in messages if message.parts for media in message.media]
        for media in found if rows_of is None else ():
            words = f"{media.path} is {media.kind}: its tokens are not counted and not written here; leave it out"
            raise UnsupportedInput(words, param=media.path)
        answer = messages[-1].content if continues else ""
        pieces = self.pieces(messages[:-1] if continues else messages, thinking, tools)
        last = next((piece for piece in reversed(pieces) if isinstance(piece, int)), None)
        in_reasoning = last is not None and last == self.tokenizer.control(THINK.opens)
        if in_reasoning and not thinking and (closes := self.tokenizer.control(THINK.closes)) is not None:
            pieces += ["\n", closes, "\n\n"]  # what families that prefill <think> write for thinking off
            in_reasoning = False
        if answer:
            pieces.append(answer)
        plain = _with_rows(pieces, rows_of) if found else cast(list[int | str], pieces)
        return Prompt(encode(plain, self.tokenizer, limit), in_reasoning, bool(found))

    def spells(self, messages: Sequence[Message], tools: Sequence[Tool]) -> bool:
        """Whether functions, or calls among `messages`, are written as plain text: the format has no place for them."""
        return False

    def close(self) -> None:
        """Give back what the format holds; renderings that run end with an error. Idempotent."""
        return

    @abstractmethod
    def pieces(self, messages: Sequence[Message], thinking: bool, tools: Sequence[Tool]) -> list[Piece]:
        """The declaration of the tools, the conversation and the header of the answer, in order."""


def content_of(message: Message) -> list[Piece]:
    """The text and the media of `message` in their order. Texts that follow each other are two lines; text next to a
    medium touches it."""
    if not message.parts:
        return [message.content]
    pieces: list[Piece] = []
    for part in message.parts:
        pieces.append("\n" + part if isinstance(part, str) and pieces and isinstance(pieces[-1], str) else part)
    return pieces


def _with_rows(pieces: Iterable[Piece], rows_of: RowsOf | None) -> Iterator[int | str]:
    """`pieces` with what stands for media in their place; without `rows_of` there are none."""
    for piece in pieces:
        if isinstance(piece, int | str):
            yield piece
        elif rows_of is not None:
            yield from rows_of(piece)


def encode(pieces: Iterable[int | str], tokenizer: Tokenizer, limit: Limit | None = None) -> tuple[int, ...]:
    """Token ids of `pieces`; text that touches is encoded as one, since its tokens may cross the seam.

    Raises `TooManyTokens` as soon as what is encoded, and the least that the rest can be, is over the `limit`; the
    exact count of the whole is the caller's to judge. Raises `Abandoned`.
    """
    runs = [
        "".join(map(str, run)) if is_text else [one for one in run if isinstance(one, int)]  # rows of media stay such
        for is_text, run in groupby(pieces, str.__instancecheck__)  # isinstance without a call of Python
    ]
    long = limit is not None and sum(map(len, runs)) > limit.tokens
    tokens: list[int] = []
    if limit is None or (not long and limit.abandoned is None):  # nothing to look at between the runs
        for run in runs:
            tokens += tokenizer.encode(run) if isinstance(run, str) else run
        return tuple(tokens)
    least = [_least(run, tokenizer) if long else 0 for run in runs]
    left = sum(least)
    for run, part in zip(runs, least, strict=True):
        limit.check(len(tokens) + left)
        left -= part
        tokens += tokenizer.encode(run) if isinstance(run, str) else run
    return tuple(tokens)


def _least(run: str | list[int], tokenizer: Tokenizer) -> int:
    return tokenizer.least_tokens(run) if isinstance(run, str) else len(run)


def check_text(messages: Sequence[Message], tools: Sequence[Tool] = ()) -> None:
    """Raise `InvalidRequest` naming the first field that holds a lone surrogate."""
    for at, message in enumerate(messages):
        for name, text in texts(message):
            _check(text, f"messages[{at}].{name}")
    for at, tool in enumerate(tools):
        for name in ("description", "parameters"):
            for text in strings(getattr(tool, name)):
                _check(text, f"tools[{at}].function.{name}")


def texts(message: Message) -> Iterator[tuple[str, str]]:
    """Every text that a client wrote in `message`, with the name of its field."""
    yield "content", message.content
    for name in ("reasoning_content", "tool_call_id", "name"):
        if (text := getattr(message, name)) is not None:
            yield name, text
    for at, call in enumerate(message.tool_calls):
        yield f"tool_calls[{at}].id", call.id
        yield f"tool_calls[{at}].function.name", call.name
        for text in strings(call.arguments):
            yield f"tool_calls[{at}].function.arguments", text


def strings(value: object) -> Iterator[str]:
    """Every string in a JSON value, the keys of objects too."""
    waiting = [value]  # a list, not recursion: the value may be deep
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.keys()
            waiting += value.values()


def _check(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        words = f"{where} must be valid Unicode, got the lone surrogate U+{ord(text[error.start]):04X}"
        raise InvalidRequest(words, param=where) from None
