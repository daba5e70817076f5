"""Answers whose bytes are no answer: heads, framing, statuses, and good ones that are cut.

Knows of the content only that it is good.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from tests.attack.upstream.base import CHUNKED, OK, Case, good, sent, sse
from tests.engines.upstream.fakes import Asked, Behaviour, Out


def heads(engine: str) -> Iterator[Case]:
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
        yield f"first line {number}", sent(line + whole)
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
        yield name, sent(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n" + body)
    yield "continue for ever", sent(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 2000, OK + whole)
    yield "early hints", sent(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 50, OK + whole)
    yield "switching", sent(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", body)
    for status in (301, 302, 303, 307, 308):
        yield (
            f"redirect {status}",
            sent(b"HTTP/1.1 %d X\r\nlocation: http://127.0.0.1:9/secret\r\ncontent-length: 0\r\n\r\n" % status),
        )
    bomb = zlib.compressobj(wbits=31)
    packed = bomb.compress(b"data: " + b"a" * 2**26) + bomb.flush()
    yield "a bomb", sent(OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed), packed)


def framing(engine: str) -> Iterator[Case]:
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
        "two answers": b"0\r\n\r\n" + CHUNKED + first,
        "nothing": b"",
        "an empty size": b"\r\n\r\n",
        "hex with a prefix": b"0x5\r\nabcde\r\n",
        "spaces": b" 5 \r\nabcde\r\n",
    }.items():
        yield name, sent(CHUNKED + first + rest)
        yield f"{name}, first", sent(CHUNKED + rest)


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


def statuses(engine: str) -> Iterator[Case]:
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
        yield f"{status}", sent(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, len(data)), data)
    for name, data in _ERROR_BODIES.items():
        for status in (400, 500):
            yield f"{status} {name}", sent(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, len(data)), data)
    for after in ("abc", "-1", "99999999999", "Wed, 21 Oct 2099 07:28:00 GMT", "1.5", "0", "\u00fc"):
        head = f"HTTP/1.1 429 X\r\nretry-after: {after}\r\ncontent-length: 0\r\n\r\n"
        yield f"retry-after {after}", sent(head.encode("latin-1"))


def cuts(engine: str) -> Iterator[Case]:
    """A good answer that is cut at twenty places: closed, reset, or silent from there on."""
    body = sse(good(engine))
    answer = CHUNKED + b"%x\r\n%b\r\n" % (len(body), body) + b"0\r\n\r\n"
    for at in range(0, len(answer), max(1, len(answer) // 20)):
        yield f"closed at {at}", sent(answer[:at])
        yield f"reset at {at}", _reset(answer[:at])
    for at in (0, len(CHUNKED), len(CHUNKED) + 40):
        yield f"silent at {at}", sent(answer[:at], close=False)


def _reset(data: bytes) -> Behaviour:
    async def behaviour(asked: Asked, out: Out) -> None:
        await out.raw(data)
        out.writer.transport.abort()

    return behaviour
