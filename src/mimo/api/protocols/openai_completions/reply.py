"""Events → the response of POST /v1/completions, whole or in chunks.

Made from the same events, so that a stream joined together is the whole response. All text is content here. Knows the
wire format; no engine and no socket.
"""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Callable, Iterable

import msgspec

from mimo.api.protocols.base import Body, Frames
from mimo.api.protocols.openai import LOWEST, usage
from mimo.api.sse import DONE, frame
from mimo.types import ContentDelta, Event, Finish, TokenLogprob, Usage


class Text(Body, Frames):
    """An answer, either whole or streamed. `piece(token)` gives a token's bytes; `logprobs`, `usage`: what is wanted in
    it, the latter of a stream; `counted` gives the counts so far where every chunk is to have them."""

    def __init__(
        self,
        model: str,
        fingerprint: str,
        choices: int,
        piece: Callable[[int], bytes],
        logprobs: bool,
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
        self._wanted = logprobs
        self._include_usage = usage
        self._counted = counted
        self._decoders = [codecs.getincrementaldecoder("utf-8")("replace") for _ in range(choices)]
        self._offsets = [0] * choices
        self._texts: list[list[str]] = [[] for _ in range(choices)]
        self._logprobs = [_columns() for _ in range(choices)]
        self._reasons = ["stop"] * choices
        self._usage = Usage(0, 0, 0, 0)

    def add(self, events: Iterable[Event]) -> None:
        """Take the next batch, for `body`."""
        for event in events:
            match event:
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
            self._choice(index, "".join(texts), self._logprobs[index], self._reasons[index])
            for index, texts in enumerate(self._texts)
        ]
        return msgspec.json.encode({**self._head, "choices": choices, "usage": usage(self._usage)})

    def frames(self, events: Iterable[Event]) -> bytes:
        """The chunks of a batch, ready for one write."""
        parts: list[bytes] = []
        for event in events:
            match event:
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

    def _choice(self, index: int, text: str, columns: dict[str, list[object]], reason: str | None) -> object:
        return {
            "text": text, "index": index, "logprobs": columns if self._wanted else None, "finish_reason": reason,
        }  # fmt: skip

    def _extend(self, columns: dict[str, list[object]], choice: int, given: Iterable[TokenLogprob]) -> None:
        """Add tokens in this API's form: one column a property."""
        for one in given:
            columns["tokens"].append(self._name(one.token))
            columns["token_logprobs"].append(max(one.logprob, LOWEST))
            likeliest = (*one.top, (one.token, one.logprob))  # the drawn token is always there
            columns["top_logprobs"].append({self._name(token): max(logprob, LOWEST) for token, logprob in likeliest})
            columns["text_offset"].append(self._offsets[choice])
            self._offsets[choice] += len(self._decoders[choice].decode(self._piece(one.token)))

    def _name(self, token: int) -> str:
        """The token's text; its bytes where they are no text, so that two such tokens have two names."""
        piece = self._piece(token)
        try:
            return piece.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in piece)


def _columns() -> dict[str, list[object]]:
    return {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
