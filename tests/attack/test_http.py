"""Requests that are no good HTTP, byte by byte on a bare connection: an answer or a closed connection, and no hang."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest

from mimo.testing import served

pytestmark = pytest.mark.attack

BODY = json.dumps(
    {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 2}
).encode()
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
GET = b"GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\n"
CLOSE = b"connection: close\r\n"
LENGTH = b"content-length: %d\r\n" % len(BODY)
CHUNKED = b"transfer-encoding: chunked\r\n"

CASES: dict[str, tuple[bytes, set[int]]] = {
    "good": (POST + LENGTH + CLOSE + b"\r\n" + BODY, {200}),
    "no HTTP": (b"GARBAGE\r\n\r\n", {400}),
    "another version": (b"GET / HTTP/9.9\r\n\r\n", {400}),
    "HTTP/2's preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {0, 400}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), {0, 400}),
    "a zero byte in a header": (GET + b"x-a: \0\r\n\r\n", {400}),
    "a folded header": (GET + b"x-a: b\r\n c\r\n\r\n", {400}),
    "a bare line feed": (b"GET /v1/models HTTP/1.1\nhost: 127.0.0.1\nconnection: close\n\n", {200, 400}),
    "space before a colon": (POST + b"content-length : 5\r\n\r\nabcde", {400}),
    "two lengths": (POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef", {400}),
    "a negative length": (POST + b"content-length: -5\r\n\r\nabcde", {400}),
    "a signed length": (POST + b"content-length: +5\r\n\r\nabcde", {400}),
    "a huge length": (POST + b"content-length: 99999999999999999999999\r\n\r\nabcde", {400}),
    "a length over the limit": (POST + b"content-length: 999999999999\r\n\r\nabcde", {413}),
    "length and chunks": (POST + b"content-length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", {400}),
    "chunks twice": (POST + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {400}),
    "another coding": (POST + b"transfer-encoding: gzip\r\n\r\nabc", {400}),
    "no size": (POST + CHUNKED + b"\r\nzz\r\nabc\r\n", {400}),
    "a huge size": (POST + CHUNKED + b"\r\n" + b"f" * 17 + b"\r\nabc\r\n", {400}),
    "a size too small": (POST + CHUNKED + b"\r\n3\r\nabcXX5\r\n", {400}),
    "a long extension": (POST + CHUNKED + b"\r\n5;" + b"a" * 1_000_000 + b"\r\nabcde\r\n", {400}),
    "many trailers": (POST + CHUNKED + b"\r\n0\r\n" + b"x: %b\r\n" % (b"a" * 1000) * 1000 + b"\r\n", {400}),
    "many headers": (GET + b"".join(b"x-%d: a\r\n" % at for at in range(5000)) + b"\r\n", {431}),
    "a long header": (GET + b"x-a: " + b"a" * 2_000_000 + b"\r\n\r\n", {431}),
    "a long path": (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", {414}),
    "a path of raw bytes": (b"GET /\xff\xfe HTTP/1.1\r\nhost: 127.0.0.1\r\n" + CLOSE + b"\r\n", {400, 404}),
    "a path with line ends": (b"GET /%00%0d%0ax-evil:1 HTTP/1.1\r\nhost: 127.0.0.1\r\n" + CLOSE + b"\r\n", {404}),
    "a model with line ends": (GET.replace(b"models", b"models/%0d%0ax-evil:1") + CLOSE + b"\r\n", {404}),
    "no host": (b"GET /v1/models HTTP/1.1\r\n" + CLOSE + b"\r\n", {403}),
    "two hosts, one foreign": (GET + b"host: evil.example\r\n" + CLOSE + b"\r\n", {403}),
    "two hosts, foreign first": (GET.replace(b"host", b"host: evil.example\r\nhost") + CLOSE + b"\r\n", {403}),
    "two origins, foreign first": (
        GET + b"origin: https://evil.example\r\norigin: http://127.0.0.1\r\n" + CLOSE + b"\r\n", {403}),
    "another protocol": (GET + b"upgrade: websocket\r\n" + CLOSE + b"\r\n", {200}),
    "CONNECT": (b"CONNECT evil:80 HTTP/1.1\r\nhost: evil:80\r\n" + CLOSE + b"\r\n", {403}),
    "TRACE": (GET.replace(b"GET", b"TRACE") + CLOSE + b"\r\n", {405}),
    "a method nobody knows": (GET.replace(b"GET", b"BREW") + CLOSE + b"\r\n", {405}),
    "OPTIONS of all": (b"OPTIONS * HTTP/1.1\r\nhost: 127.0.0.1\r\n" + CLOSE + b"\r\n", {404}),
    "an odd expectation": (POST + LENGTH + b"expect: 200-maybe\r\n" + CLOSE + b"\r\n" + BODY, {200}),
}  # fmt: skip
"""What is sent, and the status that may come; 0: the connection is closed without one."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served("--slots", "2", "--context-window", "1024") as running:
        yield int(running.url.rpartition(":")[2])


def first_answer(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        received = b""
        with contextlib.suppress(ConnectionError):  # refused while it was sent
            client.sendall(sent)
        with contextlib.suppress(ConnectionError):
            while part := client.recv(65536):
                received += part
    return received


@pytest.mark.parametrize("name", CASES)
def test_bad_http_is_refused_and_the_next_request_answered(port: int, name: str) -> None:
    sent, allowed = CASES[name]
    received = first_answer(port, sent)
    head = received.partition(b"\r\n\r\n")[0]
    status = int(received[9:12]) if received.startswith(b"HTTP/1.1 ") else 0
    assert status in allowed, received[:300]
    assert b"\nx-evil" not in head
    assert received.count(b"HTTP/1.1 ") <= 1, "an answer to what was only a body"
    assert first_answer(port, CASES["good"][0]).startswith(b"HTTP/1.1 200")
