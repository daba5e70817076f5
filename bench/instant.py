"""An engine that needs no time: answers at once, with text that varies, in vLLM's raw form and in OpenAI's chat form.

python -m bench.instant        prints its address, then serves until stdin closes

A body's `max_tokens` or `max_completion_tokens` says how many chunks come. Everything is rendered before it is asked
for, so that what stands before it is what is measured.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

LARGEST = 4096
FIRST_ID = 600
"""Ids of nano's vocabulary from here on are words."""
_WANTED = re.compile(rb'"max_(?:completion_)?tokens":\s?(\d+)')
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def _raw(at: int, finish: str | None) -> bytes:
    choice = {"index": 0, "text": f" word{at}", "logprobs": None, "finish_reason": finish, "stop_reason": None}
    ids = {"token_ids": [FIRST_ID + at % 1000], "prompt_token_ids": None}
    head = {"id": "cmpl-0", "object": "text_completion", "created": 1, "model": "instant"}
    return _event({**head, "choices": [{**choice, **ids}]})


def _chat(at: int) -> bytes:
    choice = {"index": 0, "delta": {"content": f" word{at}"}, "logprobs": None, "finish_reason": None}
    head = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 1, "model": "instant"}
    return _event({**head, "choices": [choice]})


def _usage(count: int) -> dict[str, object]:
    return {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": count + 9}


def _chat_end(count: int) -> bytes:
    head = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 1, "model": "instant"}
    end = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}
    return _event({**head, "choices": [end]}) + _event({**head, "choices": [], "usage": _usage(count)})


def _whole(count: int) -> bytes:
    message = {"role": "assistant", "content": "".join(f" word{at}" for at in range(count))}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "length"}
    head = {"id": "chatcmpl-0", "object": "chat.completion", "created": 1, "model": "instant"}
    return json.dumps({**head, "choices": [choice], "usage": _usage(count)}).encode()


RAW = [_raw(at, None) for at in range(LARGEST)]
CHAT = [_chat(at) for at in range(LARGEST)]
_made: dict[tuple[bytes, int], bytes] = {}


def answer(kind: bytes, count: int) -> bytes:
    """The whole HTTP answer, made once."""
    key = (kind, count)
    if key not in _made:
        if kind == b"raw":
            usage = _event({"id": "cmpl-0", "choices": [], "usage": _usage(count)})
            body = b"".join(RAW[: count - 1]) + _raw(count - 1, "length") + usage + b"data: [DONE]\n\n"
        elif kind == b"chat":
            body = b"".join(CHAT[:count]) + _chat_end(count) + b"data: [DONE]\n\n"
        else:
            body = _whole(count)
        mime = b"application/json" if kind == b"whole" else b"text/event-stream"
        head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (mime, len(body))
        _made[key] = head + body
    return _made[key]


def _json(value: object) -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


_GET = {
    b"/health": _json({}),
    b"/version": _json({"version": "instant"}),
    b"/v1/models": _json({"object": "list", "data": [{"id": "instant", "max_model_len": 32768}]}),
}


class Connection(asyncio.Protocol):
    """Reads requests, writes what was made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end]
            found = _LENGTH.search(head)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self._data) < size:
                return
            body, self._data = self._data[end + 4 : size], self._data[size:]
            self._answer(head.split(b" ", 2)[1], body)

    def _answer(self, path: bytes, body: bytes) -> None:
        if not body:
            self._transport.write(_GET.get(path, _json({})))
            return
        wanted = _WANTED.search(body)
        count = min(int(wanted[1]) if wanted else 16, LARGEST)
        streamed = re.search(rb'"stream":\s?true', body) is not None
        kind = b"raw" if path.endswith(b"/v1/completions") else b"chat" if streamed else b"whole"
        self._transport.write(answer(kind, count))


async def serve() -> None:
    """Until stdin closes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
