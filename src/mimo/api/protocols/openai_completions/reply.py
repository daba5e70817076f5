"""Events → the response of POST /v1/completions, whole or in chunks.

Made from the same events, so that a stream joined together is the whole response. All text is content here. Knows the
wire format; no engine and no socket.
"""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import msgspec

from mimo.api.protocols.base import Body, Frames
from mimo.api.protocols.openai import LOWEST, usage
from mimo.api.sse import DONE, frame
from mimo.types import ContentDelta, Echo, Event, Finish, TokenLogprob, Usage


@dataclass(frozen=True, slots=True)
class Wanted:
    """What belongs in an answer. `logprobs`: how many of the likeliest tokens at each position, None: none at all;
    `echo`: the prompt ahead of the text; `of_prompt`: as `logprobs`, for the prompt by itself."""

    logprobs: int | None
    echo: bool = False
    of_prompt: int | None = None


class Text(Body, Frames):
    """An answer, either whole or streamed. `piece(token)` gives a token's bytes; `wanted`: what belongs in it; `usage`:
    whether a stream ends in the counts; `counted` gives the counts so far where every chunk is to have them."""

    def __init__(
        self,
        model: str,
        fingerprint: str,
        choices: int,
        piece: Callable[[int], bytes],
        wanted: Wanted,
        usage: bool,
        counted: Callable[[], Usage] | None = None,
    ) -> None:
        self._head: dict[str, object] = {
            "id": f"cmpl-{os.urandom(16).hex()}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": fingerprint,
        }
        self._piece = piece
        self._wanted = wanted
        self._include_usage = usage
        self._counted = counted
        self._decoders = [codecs.getincrementaldecoder("utf-8")("replace") for _ in range(choices)]
        self._offsets = [0] * choices
        self._texts: list[list[str]] = [[] for _ in range(choices)]
        self._logprobs = [_columns() for _ in range(choices)]
        self._of_prompt: list[dict[str, object]] = [{} for _ in range(choices)]
        self._reasons = ["stop"] * choices
        self._usage = Usage(0, 0, 0, 0)

    def add(self, events: Iterable[Event]) -> None:
        """Take the next batch, for `body`."""
        for event in events:
            match event:
                case Echo(choice):
                    text, self._of_prompt[choice] = self._echo(event, self._logprobs[choice])
                    self._texts[choice].append(text)
                case ContentDelta(choice, text, logprobs):
                    self._texts[choice].append(text)
                    self._extend(self._logprobs[choice], choice, logprobs)
                case Finish(choice, reason):
                    self._reasons[choice] = reason
                case Usage():
                    self._usage = event

    def body(self) -> bytes:
        """The whole response as JSON."""
        choices = [
            self._choice(index, "".join(texts), self._logprobs[index], self._reasons[index], self._of_prompt[index])
            for index, texts in enumerate(self._texts)
        ]
        return msgspec.json.encode({**self._head, "choices": choices, "usage": usage(self._usage)})

    def frames(self, events: Iterable[Event]) -> bytes:
        """The chunks of a batch, ready for one write."""
        parts: list[bytes] = []
        for event in events:
            match event:
                case Echo(choice):
                    columns = _columns()
                    text, of_prompt = self._echo(event, columns)
                    parts.append(self._chunk([self._choice(choice, text, columns, None, of_prompt)]))
                case ContentDelta(choice, text, logprobs):
                    columns = _columns()
                    self._extend(columns, choice, logprobs)
                    parts.append(self._chunk([self._choice(choice, text, columns, None)]))
                case Finish(choice, reason):
                    parts.append(self._chunk([self._choice(choice, "", _columns(), reason)]))
                case Usage():
                    parts += [self._chunk([], usage=usage(event))] if self._include_usage else []
                    parts.append(DONE)
        return b"".join(parts)

    def _chunk(self, choices: list[object], **more: object) -> bytes:
        counts = {} if self._counted is None else {"usage": usage(self._counted())}
        return frame(msgspec.json.encode({**self._head, "choices": choices, **counts, **more}))

    def _choice(
        self,
        index: int,
        text: str,
        columns: dict[str, list[object]],
        reason: str | None,
        of_prompt: Mapping[str, object] = MappingProxyType({}),
    ) -> object:
        logprobs = None if self._wanted.logprobs is None else columns
        return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": reason, **of_prompt}

    def _echo(self, prompt: Echo, columns: dict[str, list[object]]) -> tuple[str, dict[str, object]]:
        """The text of the prompt, which is added to `columns`; and what is said of it by itself."""
        of_prompt: dict[str, object] = {}
        if self._wanted.of_prompt is not None:
            of_prompt["prompt_logprobs"] = [self._position(one, self._wanted.of_prompt) for one in prompt.logprobs]
        if not self._wanted.echo:
            return "", of_prompt
        if self._wanted.logprobs is not None:
            most = self._wanted.logprobs
            for token, known in zip(prompt.tokens, prompt.logprobs, strict=True):
                if known is not None:
                    self._extend(columns, prompt.choice, [replace(known, top=known.top[:most])])
                else:
                    self._add(columns, prompt.choice, token, None, None)
        return b"".join(map(self._piece, prompt.tokens)).decode(errors="replace"), of_prompt

    def _position(self, known: TokenLogprob | None, most: int) -> dict[str, object] | None:
        """One position of a prompt in vLLM's form: token id → log-probability, and rank where it is known."""
        if known is None:
            return None
        ranks = {token: at for at, (token, _) in enumerate(known.top, 1)}
        shown = {known.token: known.logprob, **dict(known.top[:most])}
        return {
            str(token): {
                "logprob": max(value, LOWEST), "rank": ranks.get(token), "decoded_token": self._name(token),
            }
            for token, value in shown.items()
        }  # fmt: skip

    def _extend(self, columns: dict[str, list[object]], choice: int, given: Iterable[TokenLogprob]) -> None:
        """Add tokens in this API's form: one column a property."""
        for one in given:
            likeliest = (*one.top, (one.token, one.logprob))  # the drawn token is always there
            top = {self._name(token): max(logprob, LOWEST) for token, logprob in likeliest}
            self._add(columns, choice, one.token, max(one.logprob, LOWEST), top)

    def _add(
        self, columns: dict[str, list[object]], choice: int, token: int, logprob: float | None, top: object
    ) -> None:
        columns["tokens"].append(self._name(token))
        columns["token_logprobs"].append(logprob)
        columns["top_logprobs"].append(top)
        columns["text_offset"].append(self._offsets[choice])
        self._offsets[choice] += len(self._decoders[choice].decode(self._piece(token)))

    def _name(self, token: int) -> str:
        """The token's text; its bytes where they are no text, so that two such tokens have two names."""
        piece = self._piece(token)
        try:
            return piece.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in piece)


def _columns() -> dict[str, list[object]]:
    return {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
