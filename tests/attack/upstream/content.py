"""Answers that arrive well and say what they should not: events, shapes, tokens, and some without end."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from tests.attack.upstream.base import Case, body_open, good, sse, whole
from tests.engines.upstream.fakes import Asked, Behaviour, Out, chat_events


def events(engine: str) -> Iterator[Case]:
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
        yield name, whole(data)
    yield "done and open", body_open(sse([*good(engine, 2), b"[DONE]"]))
    yield "no end and open", body_open(half)


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


def shapes(engine: str) -> Iterator[Case]:
    """Every value in every place of an event in the middle and of the one that ends the answer."""
    events = good(engine)
    last = max(at for at, event in enumerate(events) if isinstance(event, dict))
    for at in sorted({1, last - 1, last}):
        for path in _paths(events[at]):
            for number, value in enumerate(_VALUES):
                changed = deepcopy(events)
                _put(changed[at], path, value)
                yield f"event {at} {'.'.join(map(str, path))} {number}", whole(sse(changed))
            changed = deepcopy(events)
            _put(changed[at], path, ...)
            yield f"event {at} {'.'.join(map(str, path))} is missing", whole(sse(changed))


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


def tokens(engine: str) -> Iterator[Case]:
    """Answers in the right form that are not what was asked for."""
    more = good(engine, 500)
    yield "more than the limit", whole(sse(more))
    yield "more than the limit, and no end", whole(sse(good(engine, 500, finish=False)))
    yield "all and open", body_open(sse(good(engine, 3)))
    yield "after the end", whole(sse([*good(engine, 2), *good(engine, 3)]))
    yield "empty events", whole(sse(good(engine, 0)))
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
        yield f"finish {reason}", whole(sse([*(_finished(event, reason) for event in events), b"[DONE]"]))
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
        yield name, whole(sse(chat_events(*deltas, finish="tool_calls" if "call" in name else "stop")))


def _call(call: dict[str, Any], **function: Any) -> dict[str, Any]:
    return {**call, "function": {**call["function"], **function}}


def sizes(engine: str) -> Iterator[Case]:
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
