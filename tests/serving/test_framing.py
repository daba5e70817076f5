"""Bodies that end early or whose framing cannot be read: our envelope with a 400, and a server that goes on."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket

import pytest

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
BODY = json.dumps({"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}]}).encode()
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)
TRAILERS = b"".join(b"x-%d: %b\r\n" % (number, b"a" * 1000) for number in range(1000))


def answer(client: socket.socket) -> http.client.HTTPResponse:
    reply = http.client.HTTPResponse(client)
    reply.begin()
    return reply


@pytest.mark.parametrize(
    "sent",
    [
        CHUNKED + b"zz\r\nabc\r\n",
        CHUNKED + b"-5\r\nabc\r\n",
        CHUNKED + b"f" * 17 + b"\r\nabc\r\n",
        CHUNKED + b"3\r\nabcXX5\r\n",
        CHUNKED + CHUNK + b"0\r\n" + TRAILERS + b"\r\n",
        CHUNKED + b"5;" + b"a" * 1_000_000 + b"\r\nabcde\r\n",
    ],
    ids=["no-size", "negative-size", "huge-size", "no-line-end", "megabyte-of-trailers", "megabyte-of-extension"],
)
def test_framing_that_cannot_be_read_is_a_400_in_our_envelope(server, sent):
    with server.connect() as client:
        with contextlib.suppress(ConnectionError):  # refused, and closed, before all of it is sent
            client.sendall(sent)
        reply = answer(client)
        error = json.loads(reply.read())["error"]
    assert (reply.status, error["code"]) == (400, "invalid_request")
    assert "the body must be complete" in error["message"]
    assert reply.headers["connection"] == "close" and reply.headers["x-request-id"]
    assert server.chat().status_code == 200


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/messages", b"/nowhere"])
@pytest.mark.parametrize("framing", [b"content-length: 5000\r\n\r\n{", b"transfer-encoding: chunked\r\n\r\n9\r\n{"])
def test_a_body_that_ends_early_is_answered_in_our_envelope(server, path, framing):
    with server.connect() as client:
        client.sendall(HEAD.replace(b"/v1/chat/completions", path) + framing)
        client.shutdown(socket.SHUT_WR)
        reply = answer(client)
        error = json.loads(reply.read())["error"]
    assert reply.status == (404 if path == b"/nowhere" else 400)
    assert error["message"]
