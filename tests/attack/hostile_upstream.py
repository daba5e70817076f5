"""Answers that no upstream should give, as behaviours of a fake one: bytes, framing, shapes, lengths, silence.

Each is for one engine, whose good answer it spoils, or for all. Knows no server of ours.
"""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Awaitable, Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any

from tests.engines.upstream.fakes import (
    Asked,
    Behaviour,
    Out,
    chat_events,
    llama_events,
    sglang_events,
    vllm_events,
)

ENGINES = ("llama-server", "vllm", "sglang", "hosted")
LIMIT = 8
"""The `max_completion_tokens` that every case is asked with."""
_SSE = b"content-type: text/event-stream\r\n"
_OK = b"HTTP/1.1 200 OK\r\n" + _SSE
_CHUNKED = _OK + b"transfer-encoding: chunked\r\n\r\n"
Case = tuple[str, Behaviour]


def good(engine: str, count: int = 3, finish: bool = True) -> list[Any]:
    """The events of a short good answer."""
    if engine == "hosted":
        return chat_events(*[{"content": "a"}] * count, finish="stop" if finish else None)
    make: Any = {"llama-server": llama_events, "vllm": vllm_events, "sglang": sglang_events}[engine]
    events: list[Any] = make([300] * count) if finish else make([300] * count, None)
    return events


def sse(events: list[Any]) -> bytes:
    """`events` as the body of a stream."""
    return b"".join(
        b"data: %b\n\n" % (event if isinstance(event, bytes) else json.dumps(event).encode()) for event in events
    )


def cases(engine: str) -> Iterator[Case]:
    """Every case of `engine` by its name, which begins with its family."""
    families = (_heads, _framing, _statuses, _events, _shapes, _tokens, _cuts, _sizes)
    for family in families:
        for name, behaviour in family(engine):
            yield f"{family.__name__[1:]}: {name}", behaviour


def _sent(*pieces: bytes, close: bool = True) -> Behaviour:
    """Sends `pieces` as they are."""

    async def behaviour(asked: Asked, out: Out) -> None:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                await out.raw(piece)
            if not close:
                await out.hang()
        out.writer.close()

    return behaviour


def _body(data: bytes, *, close: bool = True) -> Behaviour:
    return _sent(_OK + b"content-length: %d\r\n\r\n" % len(data), data, close=close)


def _heads(engine: str) -> Iterator[Case]:
    body = sse(good(engine))
    whole = b"content-length: %d\r\n\r\n" % len(body) + body
    for number, line in enumerate(
        (
            b"",
            b"\r\n",
            b"HTTP/1.1\r\n",
            b"HTTP/1.1 OK\r\n",
            b"HTTP/1.1 -1 X\r\n",
            b"HTTP/1.1 99999 X\r\n",
            b"HTTP/9.9 200 OK\r\n",
            b"ICY 200 OK\r\n",
            b"\x16\x03\x01\x02\x00",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\0" * 4096,
        )
    ):
        yield f"first line {number}", _sent(line + whole)
    for name, lines in {
        "no length": b"",
        "too short a length": b"content-length: 3\r\n",
        "too long a length": b"content-length: 99999\r\n",
        "a negative length": b"content-length: -5\r\n",
        "two lengths": b"content-length: 5\r\ncontent-length: 6\r\n",
        "no number": b"content-length: many\r\n",
        "a huge length": b"content-length: 99999999999999999999999\r\n",
        "length and chunks": b"content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "another coding": b"transfer-encoding: gzip\r\n",
        "gzip that is none": b"content-encoding: gzip\r\n",
        "br": b"content-encoding: br\r\n",
        "unknown encoding": b"content-encoding: zzz\r\n",
        "a zero byte": b"x-a: \0\r\n",
        "a bare line feed": b"x-a: b\nx-c: d\r\n",
        "a folded line": b"x-a: b\r\n c\r\n",
        "no colon": b"nonsense\r\n",
        "a megabyte": b"x-a: " + b"a" * 2**20 + b"\r\n",
        "many lines": b"x-a: b\r\n" * 20_000,
        "a cookie": b"set-cookie: a=b; domain=evil.example\r\n",
        "an upgrade": b"upgrade: websocket\r\nconnection: upgrade\r\n",
        "no type": b"content-type: \r\n",
        "html": b"content-type: text/html\r\n",
        "bytes": b"x-a: \xff\xfe\x80\r\n",
    }.items():
        yield name, _sent(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n" + body)
    yield "continue for ever", _sent(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 2000, _OK + whole)
    yield "early hints", _sent(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 50, _OK + whole)
    yield "switching", _sent(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", body)
    for status in (301, 302, 303, 307, 308):
        yield (
            f"redirect {status}",
            _sent(b"HTTP/1.1 %d X\r\nlocation: http://127.0.0.1:9/secret\r\ncontent-length: 0\r\n\r\n" % status),
        )
    bomb = zlib.compressobj(wbits=31)
    packed = bomb.compress(b"data: " + b"a" * 2**26) + bomb.flush()
    yield "a bomb", _sent(_OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed), packed)


def _framing(engine: str) -> Iterator[Case]:
    body = sse(good(engine))
    first = b"%x\r\n%b\r\n" % (len(body) // 2, body[: len(body) // 2])
    for name, rest in {
        "no size": b"zz\r\nabc\r\n",
        "a negative size": b"-5\r\nabc\r\n",
        "a huge size": b"f" * 17 + b"\r\nabc\r\n",
        "a size of 2^63": b"8000000000000000\r\nabc\r\n",
        "a size too small": b"3\r\nabcdef\r\n",
        "no line end": b"3\r\nabcX",
        "a long extension": b"5;" + b"a" * 2**20 + b"\r\nabcde\r\n",
        "many trailers": b"0\r\n" + b"x: y\r\n" * 50_000 + b"\r\n",
        "an end and more": b"0\r\n\r\n" + body,
        "two answers": b"0\r\n\r\n" + _CHUNKED + first,
        "nothing": b"",
        "an empty size": b"\r\n\r\n",
        "hex with a prefix": b"0x5\r\nabcde\r\n",
        "spaces": b" 5 \r\nabcde\r\n",
    }.items():
        yield name, _sent(_CHUNKED + first + rest)
        yield f"{name}, first", _sent(_CHUNKED + rest)


_ERROR_BODIES: dict[str, bytes] = {
    "json": b'{"error":{"message":"it fell over","type":"x"}}',
    "html": b"<html><body>Bad gateway</body></html>",
    "empty": b"",
    "text": b"it fell over",
    "a path": b'{"error":"/srv/secret/model.py line 3"}',
    "an address": b'{"detail":"10.1.2.3:8000 down"}',
    "binary": bytes(range(256)) * 8,
    "deep": b"[" * 100_000,
    "large": b"x" * 2**23,
    "a list": b"[1,2]",
    "null": b"null",
    "no utf-8": b'{"error":"\xff\xfe"}',
    "escapes": b'{"error":"\\u001b[2J\\u001b]0;owned\\u0007"}',
    "surrogate": b'{"error":"\\ud800"}',
    "line ends": b'{"error":"a\\r\\nx-evil: 1\\r\\n\\r\\n"}',
    "nested": b'{"error":{"error":{"message":{"detail":[1]}}}}',
    "a number": b'{"error":{"message":5}}',
    "an overflow": b'{"error":"exceeds the context window of /srv/secret/m"}',
}


def _statuses(engine: str) -> Iterator[Case]:
    for status in (
        201,
        204,
        206,
        300,
        304,
        400,
        401,
        402,
        403,
        404,
        405,
        408,
        409,
        413,
        415,
        418,
        422,
        424,
        425,
        429,
        431,
        451,
        499,
        500,
        501,
        502,
        503,
        504,
        505,
        507,
        511,
        520,
        529,
        599,
        600,
        999,
    ):
        data = _ERROR_BODIES["json"]
        yield f"{status}", _sent(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, len(data)), data)
    for name, data in _ERROR_BODIES.items():
        for status in (400, 500):
            yield f"{status} {name}", _sent(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, len(data)), data)
    for after in ("abc", "-1", "99999999999", "Wed, 21 Oct 2099 07:28:00 GMT", "1.5", "0", "\u00fc"):
        head = f"HTTP/1.1 429 X\r\nretry-after: {after}\r\ncontent-length: 0\r\n\r\n"
        yield f"retry-after {after}", _sent(head.encode("latin-1"))


def _events(engine: str) -> Iterator[Case]:
    events = good(engine)
    body, half = sse(events), sse(good(engine, 2, finish=False))
    for name, data in {
        "nothing": b"",
        "done alone": b"data: [DONE]\n\n",
        "done first": b"data: [DONE]\n\n" + body,
        "done twice": body + body,
        "no end": half,
        "an error": half + b'data: {"error":{"message":"it fell over"}}\n\n',
        "an error event": half + b"event: error\ndata: it fell over\n\n",
        "an error with a path": half + b'data: {"error":"/srv/secret/x"}\n\n',
        "an error with escapes": half + b'data: {"error":"\\u001b[2J"}\n\n',
        "carriage returns": body.replace(b"\n", b"\r"),
        "both": body.replace(b"\n", b"\r\n"),
        "a byte order mark": b"\xef\xbb\xbf" + body,
        "no space": body.replace(b"data: ", b"data:"),
        "names": body.replace(b"data: ", b"event: x\nid: 1\nretry: 99999999\ndata: "),
        "one line end": body.replace(b"\n\n", b"\n"),
        "three line ends": body.replace(b"\n\n", b"\n\n\n"),
        "comments": b": a\n\n" * 10_000 + body,
        "no utf-8": half + b"data: \xff\xfe\n\n",
        "a zero byte": half + b"data: \0\n\n",
        "no json": half + b"data: {this is not}\n\n",
        "a list": half + b"data: [1,2]\n\n",
        "a number": half + b"data: 5\n\n",
        "null": half + b"data: null\n\n",
        "a text": half + b'data: "x"\n\n',
        "empty": half + b"data: {}\n\n",
        "deep": half + b"data: " + b"[" * 100_000 + b"\n\n",
        "deep object": half + b'data: {"a":' * 1 + b'{"a":' * 50_000 + b"\n\n",
        "two names": half + b'data: {"choices":[],"choices":5}\n\n',
        "infinity": half + b'data: {"a":1e999}\n\n',
        "a long number": half + b'data: {"choices":' + b"9" * 100_000 + b"}\n\n",
        "lines of data": half + b"data: {\ndata: }\n\n",
        "json and no stream": json.dumps(events[0]).encode(),
        "json for ever": b'{"a":"' + b"a" * (17 * 2**20),
        "html": b"<html>" * 1000,
        "another engine": sse(good("vllm" if engine == "hosted" else "hosted")),
    }.items():
        yield name, _body(data)
    yield "done and open", _body_open(sse([*good(engine, 2), b"[DONE]"]))
    yield "no end and open", _body_open(half)


def _body_open(data: bytes) -> Behaviour:
    return _sent(_CHUNKED, b"%x\r\n%b\r\n" % (len(data), data), close=False)


_VALUES: tuple[Any, ...] = (
    None,
    True,
    "x",
    "",
    -1,
    0,
    2**31,
    2**63,
    -(2**63),
    2**64,
    0.5,
    -1.5,
    [],
    {},
    [None],
    [[]],
    [-1],
    [2**40],
    {"a": 1},
    "\x1b[2J",
    "\ud800",
    "a" * 100_000,
)


def _shapes(engine: str) -> Iterator[Case]:
    """Every value in every place of an event in the middle and of the one that ends the answer."""
    events = good(engine)
    last = max(at for at, event in enumerate(events) if isinstance(event, dict))
    for at in sorted({1, last - 1, last}):
        for path in _paths(events[at]):
            for number, value in enumerate(_VALUES):
                changed = deepcopy(events)
                _put(changed[at], path, value)
                yield f"event {at} {'.'.join(map(str, path))} {number}", _body(sse(changed))
            changed = deepcopy(events)
            _put(changed[at], path, ...)
            yield f"event {at} {'.'.join(map(str, path))} is missing", _body(sse(changed))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*path, name)
        yield from _paths(inner, (*path, name))


def _put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    *before, last = path
    for name in before:
        value = value[name]
    if new is ...:
        del value[last]
    else:
        value[last] = new


def _tokens(engine: str) -> Iterator[Case]:
    """Answers in the right form that are not what was asked for."""
    more = good(engine, 500)
    yield "more than the limit", _body(sse(more))
    yield "more than the limit, and no end", _body(sse(good(engine, 500, finish=False)))
    yield "all and open", _body_open(sse(good(engine, 3)))
    yield "after the end", _body(sse([*good(engine, 2), *good(engine, 3)]))
    yield "empty events", _body(sse(good(engine, 0)))
    for reason in (
        "stop",
        "length",
        "eos",
        "abort",
        "error",
        "content_filter",
        "tool_calls",
        "insufficient_system_resource",
        "zzz",
    ):
        events = json.loads(json.dumps([event for event in good(engine) if not isinstance(event, bytes)]))
        yield f"finish {reason}", _body(sse([*(_finished(event, reason) for event in events), b"[DONE]"]))
    if engine == "hosted":
        yield from _deltas()


def _finished(event: Any, reason: str) -> Any:
    for choice in event.get("choices", ()):
        if choice.get("finish_reason"):
            choice["finish_reason"] = reason
    if event.get("stop_type"):
        event["stop_type"] = reason
    if event.get("meta_info", {}).get("finish_reason"):
        event["meta_info"]["finish_reason"] = {"type": reason}
    return event


def _deltas() -> Iterator[Case]:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    answers: dict[str, list[dict[str, Any]]] = {
        "calls nobody asked for": [{"tool_calls": [call]}],
        "arguments that are no json": [{"tool_calls": [_call(call, arguments="{")]}],
        "a call without a name": [{"tool_calls": [_call(call, name=None)]}],
        "a call of a megabyte": [{"tool_calls": [_call(call, arguments='"' + "a" * 2**20 + '"')]}],
        "a call of control characters": [{"tool_calls": [_call(call, name="\x1b[2J\n")]}],
        "many calls": [{"tool_calls": [{**call, "index": at} for at in range(5000)]}],
        "a negative index": [{"tool_calls": [{**call, "index": -1}]}],
        "a huge index": [{"tool_calls": [{**call, "index": 2**62}]}],
        "reasoning after content": [{"content": "a"}, {"reasoning_content": "b"}, {"content": "c"}],
        "markers": [{"content": "<|im_end|><think></think><tool_call>"}],
        "line ends": [{"content": "\u2028\u2029\u0085\r\n\r\ndata: [DONE]\n\n"}],
        "zero bytes": [{"content": "\0\0"}],
    }
    for name, deltas in answers.items():
        yield name, _body(sse(chat_events(*deltas, finish="tool_calls" if "call" in name else "stop")))


def _call(call: dict[str, Any], **function: Any) -> dict[str, Any]:
    return {**call, "function": {**call["function"], **function}}


def _cuts(engine: str) -> Iterator[Case]:
    """A good answer that is cut at twenty places: closed, reset, or silent from there on."""
    body = sse(good(engine))
    answer = _CHUNKED + b"%x\r\n%b\r\n" % (len(body), body) + b"0\r\n\r\n"
    for at in range(0, len(answer), max(1, len(answer) // 20)):
        yield f"closed at {at}", _sent(answer[:at])
        yield f"reset at {at}", _reset(answer[:at])
    for at in (0, len(_CHUNKED), len(_CHUNKED) + 40):
        yield f"silent at {at}", _sent(answer[:at], close=False)


def _reset(data: bytes) -> Behaviour:
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.raw(data)
        out.writer.transport.abort()

    return behaviour


def _sizes(engine: str) -> Iterator[Case]:
    """Answers without end: what is made of them has one."""
    one = sse(good(engine, 2, finish=False)[-1:])
    for name, piece in {
        "tokens": one,
        "comments": b": a\n\n",
        "line ends": b"\n",
        "one event": b"data: aaaaaaaa",
        "spaces": b"        ",
        "empty events": b"data: {}\n\n",
        "json": b'{"a":1,',
    }.items():
        yield f"{name} for ever", _endless(piece)
    if engine == "hosted":
        for name, delta in {
            "content": {"content": "a" * 1000},
            "reasoning": {"reasoning_content": "a" * 1000},
            "empty content": {"content": ""},
            "arguments": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "a" * 1000}}]},
            "roles": {"role": "assistant"},
        }.items():
            yield f"{name} for ever", _endless(sse([{"choices": [{"index": 0, "delta": delta}]}]))


def _endless(piece: bytes) -> Behaviour:
    block = piece * max(1, 2**16 // len(piece))

    async def behaviour(asked: Asked, out: Out) -> None:
        with contextlib.suppress(ConnectionError):
            await out.head()
            while not out.writer.is_closing():
                await out.chunk(block)

    return behaviour


STARTS: dict[str, Callable[[Asked, Out], Awaitable[None]]] = {
    **{
        f"{status}": partial(lambda status, asked, out: out.reply(status, {"error": "no"}), status)
        for status in (204, 301, 401, 404, 500, 503)
    },
    "no json": lambda asked, out: out.reply(200, b"<html>"),
    "empty": lambda asked, out: out.reply(200, b""),
    "null": lambda asked, out: out.reply(200, b"null"),
    "a list": lambda asked, out: out.reply(200, b"[]"),
    "a number": lambda asked, out: out.reply(200, b"5"),
    "deep": lambda asked, out: out.reply(200, b"[" * 100_000),
    "large": lambda asked, out: out.reply(200, b'{"a":"' + b"a" * (17 * 2**20) + b'"}'),
    "wrong types": lambda asked, out: out.reply(
        200,
        {
            "data": [{"id": 5, "max_model_len": "x"}],
            "default_generation_settings": {"n_ctx": "x"},
            "version": 5,
            "context_length": -1,
            "model_path": [],
            "model_alias": {},
            "served_model_name": None,
        },
    ),
    "odd sizes": lambda asked, out: out.reply(
        200,
        {
            "data": [{"id": "a", "max_model_len": 0}],
            "default_generation_settings": {"n_ctx": 2**70},
            "context_length": 2**70,
        },
    ),
    "escapes": lambda asked, out: out.reply(
        200,
        {
            "data": [{"id": "\x1b[2J", "max_model_len": 512}],
            "default_generation_settings": {"n_ctx": 512},
            "model_path": "\x1b[2J",
            "model_alias": "\x1b]0;owned\x07",
            "version": "\x1b[2J",
            "context_length": 512,
            "served_model_name": "\x1b[2J",
        },
    ),
    "closed": _sent(b""),
    "no http": _sent(b"SSH-2.0\r\n"),
}
"""How an upstream may answer while we start on it, whatever is asked."""
